internal import FileAccess

/// Where verified pages are read from: one file, or a fork as its storage manager gives it.
protocol PageSource {
    /// The blocks it has.
    var blocks: Range<UInt32> { get }
    /// The file, where there is one.
    var path: String? { get }
    /// Starts reading at most `count` blocks; how many it started to read.
    func start(_ handle: consuming IOHandle, _ block: UInt32, _ memory: Span<PageAddress>)
        throws(StorageError)
    /// How many blocks from `block` on one read can cover.
    func combine(_ block: UInt32) -> Int
    /// How many blocks a finished read brought; fewer than asked for where the rest is to be read
    /// one by one.
    func blockCount(of result: IOResult) -> Int
    /// Reads one block.
    func read(_ block: UInt32, into page: PageAddress) throws(StorageError)
}

/// The whole blocks of one segment file, under whatever number the segment has.
struct SegmentSource: PageSource {
    let file: VirtualFile
    /// The block at the file's beginning.
    let firstBlock: UInt32
    let blocks: Range<UInt32>
    let label: RelationLocator
    let fork: Fork
    let target: IOTargetID

    var path: String? { file.path }

    func combine(_ block: UInt32) -> Int { Int(blocks.upperBound - block) }

    func blockCount(of result: IOResult) -> Int {
        result.status == .ok || result.status == .partial ? Int(result.value) / blockSize : 0
    }

    private func offset(_ block: UInt32) -> Int64 {
        Int64(block - firstBlock) * Int64(blockSize)
    }

    func start(_ handle: consuming IOHandle, _ block: UInt32, _ memory: Span<PageAddress>)
        throws(StorageError)
    {
        let label = RelationLabel(
            label, fork, block: BlockNumber(block), count: UInt32(memory.count),
            manager: StorageManagerID(rawValue: 0))
        handle.setTarget(target, data: label.targetData)
        for index in memory.indices {
            do throws(StorageError) {
                try unsafe handle.appendVector(memory[index].bytes)
            } catch {
                handle.release()
                throw error
            }
        }
        try file.startRead(handle, at: offset(block))
    }

    func read(_ block: UInt32, into page: PageAddress) throws(StorageError) {
        let count = try unsafe file.readFully(into: page.bytes, at: offset(block))
        if count < blockSize {
            throw StorageError(
                .readFailed, "only \(count) of \(blockSize) bytes could be read",
                at: StorageError.Location(path: file.path))
        }
    }
}

/// A fork as its storage manager gives it.
struct ManagedSource: PageSource {
    let relation: OpenRelation
    let fork: Fork
    let blocks: Range<UInt32>

    var path: String? { nil }

    func combine(_ block: UInt32) -> Int {
        min(
            Int(blocks.upperBound - block),
            relation.storage.maximumCombine(fork, block: BlockNumber(block)))
    }

    func blockCount(of result: IOResult) -> Int {
        result.status == .ok || result.status == .partial ? Int(result.value) : 0
    }

    func start(_ handle: consuming IOHandle, _ block: UInt32, _ memory: Span<PageAddress>)
        throws(StorageError)
    {
        try relation.storage.startRead(handle, fork, block: BlockNumber(block), into: memory)
    }

    func read(_ block: UInt32, into page: PageAddress) throws(StorageError) {
        let pages: InlineArray<1, PageAddress> = [page]
        try relation.storage.read(fork, block: BlockNumber(block), into: pages.span)
    }
}

/// What an IO of verifying is on.
final class VerificationTarget: IOTarget {
    var name: String { "verify" }
    /// Its descriptors are lent, so they are good in every thread until the IO is done.
    var canReopen: Bool { true }
    func describe(_ data: IOTargetData) -> String { RelationLabel(data).description }
}
