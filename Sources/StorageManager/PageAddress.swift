/// The address of one page's memory: `blockSize` bytes that stay valid while the call lasts that it
/// is given to, or until the IO completes that it is given to.
///
/// Aligned to 4096 bytes where it comes from a buffer pool; storage managers that read or write
/// directly rely on that only where they ask for it. Who reads or writes the bytes at what time is
/// the business of whoever owns the memory, so the accessors are unsafe.
@safe
public struct PageAddress: @unchecked Sendable, BitwiseCopyable {
    /// The first byte.
    @unsafe public let pointer: UnsafeMutableRawPointer

    /// Vouches for `blockSize` bytes at `pointer`.
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
