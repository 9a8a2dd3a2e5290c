internal import AsyncIO
internal import FileAccess
internal import StorageManager

/// One relation of a ``CompressedDisk``.
///
/// Any thread; `RelationStorage` says which calls must not overlap.
final class CompressedRelation: RelationStorage {
    private let locator: RelationLocator
    private let disk: CompressedDisk
    private let target: RelationTarget
    private let forks: InlineArray<4, CompressedFork>

    init(_ locator: RelationLocator, disk: CompressedDisk, target: RelationTarget) {
        self.locator = locator
        self.disk = disk
        self.target = target
        forks = InlineArray { disk.fork(locator, Fork.allCases[$0]) }
    }

    /// The object for one fork: that of all, even if the fork was unlinked and created again.
    func storage(of fork: Fork) -> CompressedFork {
        let own = forks[Int(fork.rawValue)]
        return own.isRetired ? disk.fork(locator, fork) : own
    }

    // MARK: Life of a fork

    func create(_ fork: Fork, ifMissing: Bool) throws(StorageError) {
        let storage = storage(of: fork)
        if ifMissing, try exists(fork), try !storage.removeUnfinished() {
            // Throws now if the file is not a fork.
            _ = try storage.opened()
            return
        }
        try storage.create(disk.properties(for: locator))
    }

    func exists(_ fork: Fork) throws(StorageError) -> Bool {
        let storage = storage(of: fork)
        do throws(StorageError) {
            return try disk.files.exists(storage.dataPath)
        } catch {
            throw storage.naming(error)
        }
    }

    /// Keeps what is not durable yet.
    func close(_ fork: Fork, session: Session) {
        session.submitStaged()
        disk.close(storage(of: fork))
    }

    // MARK: Length

    func extend(_ fork: Fork, at block: BlockNumber, with page: PageAddress, sync: SyncPolicy)
        throws(StorageError)
    {
        guard block.rawValue < BlockNumber.maximumCount else {
            // Throws, as for any impossible block.
            return try storage(of: fork).zeroExtend(from: block, count: 1)
        }
        let pages = InlineArray<1, PageAddress>(repeating: page)
        try storage(of: fork).write(block, from: pages.span, growing: true)
    }

    func zeroExtend(_ fork: Fork, from block: BlockNumber, count: Int, sync: SyncPolicy)
        throws(StorageError)
    {
        try storage(of: fork).zeroExtend(from: block, count: count)
    }

    func blockCount(_ fork: Fork) throws(StorageError) -> UInt32 {
        try storage(of: fork).blockCount()
    }

    func truncate(_ fork: Fork, to count: UInt32, session: Session) throws(StorageError) {
        session.submitStaged()
        try storage(of: fork).truncate(to: count)
    }

    func immediateSync(_ fork: Fork) throws(StorageError) {
        _ = try storage(of: fork).opened()
        try storage(of: fork).sync()
    }

    /// Writes are recorded as not durable already.
    func registerSync(_ fork: Fork) throws(StorageError) {
        _ = try storage(of: fork).opened()
    }

    // MARK: Blocks

    func blocksPerGroup(_ fork: Fork) -> Int {
        // Reading reports why it cannot be opened.
        (try? storage(of: fork).properties())?.chunkPages ?? 1
    }

    func maximumCombine(_ fork: Fork, block: BlockNumber) -> Int {
        (try? storage(of: fork).combinable(block)).map { max(1, $0) } ?? 1
    }

    func prefetch(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) -> Bool {
        try storage(of: fork).prefetch(block, count)
    }

    func read(_ fork: Fork, block: BlockNumber, into pages: Span<PageAddress>)
        throws(StorageError)
    {
        try storage(of: fork).read(block, into: pages)
    }

    func write(
        _ fork: Fork, block: BlockNumber, from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        try storage(of: fork).write(block, from: pages)
    }

    func startRead(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        into pages: Span<PageAddress>
    ) throws(StorageError) {
        let storage = storage(of: fork)
        let plan: ReadPlan
        do throws(StorageError) {
            try handle.registerCallbacks(disk.readCallbacks)
            plan = try storage.planRead(block, into: pages)
        } catch {
            handle.release()
            throw error
        }
        switch plan {
        case .nothing:
            target.set(on: handle, locator, fork, block: block, count: pages.count)
            handle.startExecuted(.read, result: 0)
        case .zeroes(let count):
            for position in 0..<count {
                unsafe pages[position].bytes.initializeMemory(as: UInt8.self, repeating: 0)
            }
            target.set(on: handle, locator, fork, block: block, count: pages.count)
            handle.startExecuted(.read, result: count * blockSize)
        case .lost(let chunk, let count):
            // Pages that pass no verification, like those of a damaged chunk.
            for position in 0..<count {
                unsafe pages[position].bytes.initializeMemory(as: UInt8.self, repeating: 0xFF)
            }
            target.set(
                on: handle, locator, fork, block: block, count: pages.count,
                tag: ChunkReadCallbacks.isLost | UInt64(chunk))
            handle.startExecuted(.read, result: count * blockSize)
        case .chunks(let slot, let offset, let byteCount):
            target.set(
                on: handle, locator, fork, block: block, count: pages.count,
                tag: UInt64(slot.number) + 1)
            do throws(StorageError) {
                try start(handle, slot, byteCount, storage, offset, isRead: true)
            } catch {
                storage.endRead(slot)
                throw error
            }
        }
    }

    func startWrite(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        let storage = storage(of: fork)
        let plan: (slot: FrameSlot, offset: Int64, byteCount: Int)
        let count: Int
        do throws(StorageError) {
            try handle.registerCallbacks(disk.writeCallbacks)
            let chunkPages = try storage.properties().chunkPages
            // A slot has room for as many whole chunks as its pages hold, and not for parts of one
            // more.
            count = min(pages.count, FrameSlot.maximumPages - Int(block.rawValue) % chunkPages)
            try storage.relieve()
            plan = try storage.planWrite(block, from: pages.extracting(0..<count))
        } catch {
            handle.release()
            throw error
        }
        target.set(
            on: handle, locator, fork, block: block, count: count,
            tag: UInt64(plan.slot.number) + 1)
        do throws(StorageError) {
            try start(handle, plan.slot, plan.byteCount, storage, plan.offset, isRead: false)
        } catch {
            storage.finishWrite(plan.slot, written: 0)
            throw error
        }
    }

    private func start(
        _ handle: consuming IOHandle, _ slot: FrameSlot, _ byteCount: Int,
        _ storage: CompressedFork, _ offset: Int64, isRead: Bool
    ) throws(StorageError) {
        let file: VirtualFile
        do throws(StorageError) {
            file = try storage.opened().data
            try unsafe handle.appendVector(slot.bytes(0..<byteCount))
        } catch {
            handle.release()
            throw error
        }
        do throws(StorageError) {
            if isRead {
                try file.startRead(handle, at: offset)
            } else {
                try file.startWrite(handle, at: offset)
            }
        } catch {
            throw storage.naming(error, as: isRead ? .readFailed : .writeFailed)
        }
    }
}
