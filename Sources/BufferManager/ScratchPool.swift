internal import AsyncIO
internal import StorageManager
internal import Synchronization

/// Private page copies for writers: memory that is kept for the next write once it was needed.
///
/// A page that is written out is copied first, so that readers may go on reading it, and its
/// checksum is set on the copy. Any thread.
@safe
final class ScratchPool: @unchecked Sendable {
    private let pageCount: Int
    private let free = Lock<[PageAddress]>([])

    init(pageCount: Int) { self.pageCount = pageCount }

    deinit {
        for address in free.withLock({ $0 }) { unsafe address.pointer.deallocate() }
    }

    /// Memory for as many pages as one write can have, aligned to 4096 bytes.
    func take() -> PageAddress {
        if let address = free.withLock({ $0.popLast() }) { return address }
        return unsafe PageAddress(
            .allocate(byteCount: pageCount * blockSize, alignment: 4096))
    }

    func giveBack(_ address: PageAddress) { free.withLock { $0.append(address) } }
}
