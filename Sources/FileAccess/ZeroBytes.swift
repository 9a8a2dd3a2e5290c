internal import Threads

/// Aligned memory that is zero and never written: a source of zeroes to write.
@safe
final class ZeroBytes: @unchecked Sendable {
    private static let byteCount = 128 * 1024
    private static let maximumVectors = 8
    /// Valid and zero as long as the object.
    private let memory: UnsafeMutableRawPointer

    init() {
        unsafe memory = .allocate(
            byteCount: Self.byteCount, alignment: FileAccess.directIOAlignment)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: Self.byteCount)
    }

    deinit { unsafe memory.deallocate() }

    /// Calls `body` with `count` bytes of zeroes, or with one mebibyte if `count` is larger.
    func withVectors<Result>(
        count: Int64, _ body: (UnsafeBufferPointer<iovec>) -> Result
    ) -> Result {
        unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.maximumVectors) {
            vectors in
            var used = 0
            var rest = count
            while used < Self.maximumVectors && rest > 0 {
                let length = Int(min(rest, Int64(Self.byteCount)))
                unsafe (vectors.baseAddress! + used).initialize(
                    to: iovec(iov_base: memory, iov_len: length))
                used += 1
                rest -= Int64(length)
            }
            return unsafe body(UnsafeBufferPointer(rebasing: vectors[..<used]))
        }
    }
}
