package import AsyncIO
package import FileAccess
package import PageFormat
package import StorageManager
internal import Threads

/// Where the pages to verify are read: one file, or a fork in its storage manager.
package protocol PageSource {
    /// Its blocks.
    var blocks: Range<UInt32> { get }
    /// The file, if there is one.
    var path: String? { get }
    /// Starts reading at most `count` blocks. Returns how many.
    func start(_ handle: consuming IOHandle, _ block: UInt32, _ memory: Span<PageAddress>)
        throws(StorageError)
    /// How many blocks from `block` on one read can cover.
    func combine(_ block: UInt32) -> Int
    /// How many blocks a finished read brought. If fewer than requested, the others are read one by
    /// one.
    func blockCount(of result: IOResult) -> Int
    /// Reads one block.
    func read(_ block: UInt32, into page: PageAddress) throws(StorageError)
    /// Checks a page that was read.
    func verify(_ page: PageView, _ block: UInt32, checksums: Bool) -> PageVerification
    /// Reads at most `count` blocks into neighbouring pages, as far as the kernel has them in its
    /// cache, without waiting for a disk. Returns how many.
    func readCached(_ block: UInt32, count: Int, into first: PageAddress) -> Int
}

/// The whole blocks of one segment file, whatever number the segment has.
package struct SegmentSource: PageSource {
    package let file: VirtualFile
    /// The block at the file's beginning.
    package let firstBlock: UInt32
    package let blocks: Range<UInt32>
    let locator: RelationLocator
    let fork: Fork
    let pageKind: PageKind
    /// The relation's storage manager.
    let manager: StorageManagerID
    /// A ``VerificationTarget``.
    let target: IOTargetID

    /// Makes a source from a file.
    package init(
        file: VirtualFile, firstBlock: UInt32, blocks: Range<UInt32>, locator: RelationLocator,
        fork: Fork, pageKind: PageKind = .postgres, manager: StorageManagerID,
        target: IOTargetID
    ) {
        self.file = file
        self.firstBlock = firstBlock
        self.blocks = blocks
        self.locator = locator
        self.fork = fork
        self.pageKind = pageKind
        self.manager = manager
        self.target = target
    }

    package var path: String? { file.path }

    package func verify(_ page: PageView, _ block: UInt32, checksums: Bool) -> PageVerification {
        pageKind.verify(page, at: locator.place(fork, BlockNumber(block)), checksums: checksums)
    }

    package func combine(_ block: UInt32) -> Int { Int(blocks.upperBound - block) }

    package func blockCount(of result: IOResult) -> Int {
        result.status == .ok || result.status == .partial ? Int(result.value) / blockSize : 0
    }

    private func offset(_ block: UInt32) -> Int64 {
        Int64(block - firstBlock) * Int64(blockSize)
    }

    package func start(_ handle: consuming IOHandle, _ block: UInt32, _ memory: Span<PageAddress>)
        throws(StorageError)
    {
        let label = RelationLabel(
            locator, fork, block: BlockNumber(block), count: UInt32(memory.count),
            manager: manager)
        do throws(StorageError) {
            try handle.setTarget(target, data: label.targetData)
            for index in memory.indices {
                try unsafe handle.appendVector(memory[index].bytes)
            }
        } catch {
            handle.release()
            throw error
        }
        try file.startRead(handle, at: offset(block))
    }

    package func readCached(_ block: UInt32, count: Int, into first: PageAddress) -> Int {
        // The caller owns the pages behind the first one too.
        let vector = unsafe iovec(iov_base: first.pointer, iov_len: count * blockSize)
        let bytes = unsafe withUnsafePointer(to: vector) { vector in
            let vectors = unsafe UnsafeBufferPointer(start: vector, count: 1)
            return unsafe (try? file.readCached(into: vectors, at: offset(block))) ?? 0
        }
        return bytes / blockSize
    }

    package func read(_ block: UInt32, into page: PageAddress) throws(StorageError) {
        let count = try unsafe file.readFully(into: page.bytes, at: offset(block))
        if count < blockSize {
            throw StorageError(
                .readFailed, "only \(count) of \(blockSize) bytes could be read",
                at: StorageError.Location(path: file.path))
        }
    }
}

/// A fork in its storage manager.
package struct ManagedSource: PageSource {
    let relation: OpenRelation
    let fork: Fork
    package let blocks: Range<UInt32>

    /// Makes a source of some blocks of a fork.
    package init(relation: OpenRelation, fork: Fork, blocks: Range<UInt32>) {
        self.relation = relation
        self.fork = fork
        self.blocks = blocks
    }

    package var path: String? { nil }

    package func verify(_ page: PageView, _ block: UInt32, checksums: Bool) -> PageVerification {
        relation.pageKind(of: fork).verify(
            page, at: relation.locator.place(fork, BlockNumber(block)), checksums: checksums)
    }

    package func combine(_ block: UInt32) -> Int {
        min(
            Int(blocks.upperBound - block),
            relation.storage.maximumCombine(fork, block: BlockNumber(block)))
    }

    package func blockCount(of result: IOResult) -> Int {
        result.status == .ok || result.status == .partial ? Int(result.value) : 0
    }

    package func start(_ handle: consuming IOHandle, _ block: UInt32, _ memory: Span<PageAddress>)
        throws(StorageError)
    {
        try relation.storage.startRead(handle, fork, block: BlockNumber(block), into: memory)
    }

    /// Managers have no such call.
    package func readCached(_ block: UInt32, count: Int, into first: PageAddress) -> Int { 0 }

    package func read(_ block: UInt32, into page: PageAddress) throws(StorageError) {
        let pages: InlineArray<1, PageAddress> = [page]
        try relation.storage.read(fork, block: BlockNumber(block), into: pages.span)
    }
}

/// The target of the IO of a verification.
package final class VerificationTarget: IOTarget {
    package init() {}

    package var name: String { "verify" }
    /// Its descriptors are lent, so any thread may use them until the IO is done.
    package var canReopen: Bool { true }
    package func describe(_ data: IOTargetData) -> String { RelationLabel(data).description }
}
