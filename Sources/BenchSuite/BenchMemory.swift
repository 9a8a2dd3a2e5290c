internal import Strata
internal import Threads

/// Memory like the pool's, huge pages included, for measuring without Strata. Every page of it has
/// been touched.
@safe
struct BenchMemory: ~Copyable {
    /// The first byte, aligned to 2 MiB; valid until `deinit`.
    let start: UnsafeMutableRawPointer
    private let mapping: UnsafeMutableRawPointer
    private let mappedCount: Int

    private static let hugePage = 2 << 20

    init(byteCount: Int) throws(BenchFailure) {
        mappedCount = byteCount + Self.hugePage
        let result = unsafe mmap(
            nil, mappedCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let result = unsafe result, unsafe result != MAP_FAILED else {
            throw .storage(
                StorageError(
                    .resourcesExhausted, "could not map \(byteCount) bytes",
                    remedy: "Choose a smaller --size.", errorNumber: errno))
        }
        unsafe mapping = result
        let misplaced = Int(bitPattern: result) & (Self.hugePage - 1)
        unsafe start = result + (Self.hugePage - misplaced) % Self.hugePage
        #if os(Linux)
            // Advice only.
            _ = unsafe madvise(start, byteCount, MADV_HUGEPAGE)
        #endif
        unsafe start.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    }

    deinit { _ = unsafe munmap(mapping, mappedCount) }
}
