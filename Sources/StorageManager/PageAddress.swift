/// The address of one page's memory: `blockSize` bytes that stay valid until the call that takes
/// the address returns, or until the IO that takes it completes.
///
/// Addresses from a buffer pool are aligned to 4096 bytes. Storage managers rely on that only where
/// they use direct IO. The owner of the memory decides who may read or write the bytes and when, so
/// the accessors are unsafe.
@safe
public struct PageAddress: @unchecked Sendable, BitwiseCopyable {
    /// The first byte.
    @unsafe public let pointer: UnsafeMutableRawPointer

    /// Makes an address. The caller vouches for `blockSize` bytes at `pointer`.
    @unsafe
    @inlinable
    public init(_ pointer: UnsafeMutableRawPointer) { unsafe self.pointer = unsafe pointer }

    /// The page's bytes.
    @unsafe
    @inlinable
    public var bytes: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: pointer, count: blockSize)
    }
}
