internal import AsyncIO
internal import StorageManager
internal import Threads

/// The zeroed memory of 64 neighbouring pages of a fork. The kernel provides it when it is touched.
///
/// Safe to use from any thread. Pages are copied in and out under the slab's lock, so each copy is
/// consistent. A copying thread keeps the slab alive; truncating a fork only drops its reference.
@safe
final class MemorySlab: @unchecked Sendable {
    /// How many pages a slab has.
    static let pageCount = 64

    private static let byteCount = pageCount * blockSize
    /// `byteCount` bytes, mapped until `deinit`. Accessed only under the lock.
    private let memory: UnsafeMutableRawPointer
    private let lock = Lock<Void>((), rank: .memorySlab)

    /// Makes a slab; nil if the process may have no more memory.
    init?() {
        let memory = unsafe mmap(
            nil, Self.byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else { return nil }
        unsafe self.memory = memory
    }

    deinit { _ = unsafe munmap(memory, Self.byteCount) }

    /// Copies pages from the slab's `first` on into `pages`.
    func read(_ first: Int, into pages: Span<PageAddress>) {
        precondition(first >= 0 && first + pages.count <= Self.pageCount)
        lock.withLock { _ in
            for position in pages.indices {
                let page = unsafe memory + (first + position) * blockSize
                unsafe pages[position].pointer.copyMemory(from: page, byteCount: blockSize)
            }
        }
    }

    /// Copies `pages` into the slab's from `first` on.
    func write(_ first: Int, from pages: Span<PageAddress>) {
        precondition(first >= 0 && first + pages.count <= Self.pageCount)
        lock.withLock { _ in
            for position in pages.indices {
                let page = unsafe memory + (first + position) * blockSize
                unsafe page.copyMemory(from: pages[position].pointer, byteCount: blockSize)
            }
        }
    }

    /// Makes the pages from `first` on zero.
    func clear(from first: Int) {
        precondition(first >= 0 && first <= Self.pageCount)
        lock.withLock { _ in
            _ = unsafe memset(
                memory + first * blockSize, 0, (Self.pageCount - first) * blockSize)
        }
    }
}
