/// A piece of zeroed address space. The kernel provides its memory page by page as it is touched,
/// so making it costs nothing.
@safe
package struct ZeroedMemory: ~Copyable, @unchecked Sendable {
    /// The size of a huge page, in which memory is also populated.
    package static let hugePage = 2 << 20

    /// The first byte, aligned to 2 MiB; valid until `deinit`.
    package let start: UnsafeMutableRawPointer
    private let mapping: UnsafeMutableRawPointer
    private let mappedCount: Int

    /// Maps `byteCount` bytes.
    ///
    /// - Throws: if the address space has no room, or a limit forbids it.
    package init(byteCount: Int) throws(SystemCallError) {
        let rounded = (byteCount + Self.hugePage - 1) & ~(Self.hugePage - 1)
        mappedCount = rounded + Self.hugePage
        let result = unsafe mmap(
            nil, mappedCount, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | Self.mapFlags, -1, 0)
        guard let result = unsafe result, unsafe result != MAP_FAILED else {
            throw SystemCallError(errorNumber: errno)
        }
        unsafe mapping = result
        let address = UInt(bitPattern: result)
        let mask = UInt(Self.hugePage - 1)
        unsafe start = result + Int((address + mask) & ~mask - address)
        #if os(Linux)
            // Advice only: without huge pages everything works, with more TLB misses.
            _ = unsafe madvise(start, rounded, MADV_HUGEPAGE)
        #endif
    }

    #if os(Linux)
        private static let mapFlags = MAP_NORESERVE
    #else
        private static let mapFlags: CInt = 0
    #endif

    /// Makes the kernel provide the memory of the bytes from `start` on in one call: several times
    /// faster than one fault after the other in the middle of a read. A kernel without that call
    /// provides it by faults.
    package static func populate(_ start: UnsafeMutableRawPointer, byteCount: Int) {
        #if os(Linux)
            /// `MADV_POPULATE_WRITE`, of Linux 5.14; headers may be older.
            let populateWrite: CInt = 23
            _ = unsafe madvise(start, byteCount, populateWrite)
        #endif
    }

    /// Leaves the memory mapped for the rest of the process, because it is still in use.
    package consuming func leak() { discard self }

    deinit { _ = unsafe munmap(mapping, mappedCount) }
}
