#if RADOS
    internal import AsyncIO
    internal import StorageManager
    internal import Threads

    /// One relation of a ``RadosDisk``: four forks. Any thread.
    final class RadosRelation: RelationStorage {
        let space: RadosSpace
        private let locator: RelationLocator
        private let target: RelationTarget
        private let callbacks: RadosDisk.Callbacks
        private let forks: InlineArray<4, RadosFork>

        init(
            _ space: RadosSpace, _ locator: RelationLocator, _ target: RelationTarget,
            _ callbacks: RadosDisk.Callbacks
        ) {
            self.space = space
            self.locator = locator
            self.target = target
            self.callbacks = callbacks
            forks = InlineArray { position in
                RadosFork(space, locator, Fork(rawValue: UInt8(position)) ?? .main)
            }
        }

        subscript(fork: Fork) -> RadosFork { forks[Int(fork.rawValue)] }

        // MARK: Life of a fork

        func create(_ fork: Fork, ifMissing: Bool) throws(StorageError) {
            guard try self[fork].create() || ifMissing else {
                throw StorageError(
                    .alreadyExists, "relation \(locator)\(fork.suffix) exists already",
                    remedy: "Unlink the relation first, or give the new one another number.",
                    at: self[fork].location())
            }
        }

        func exists(_ fork: Fork) throws(StorageError) -> Bool { try self[fork].exists }

        /// There is nothing to close: objects have only names.
        func close(_ fork: Fork, session: Session) { session.submitStaged() }

        // MARK: Length

        func blockCount(_ fork: Fork) throws(StorageError) -> UInt32 { try self[fork].count() }

        func extend(_ fork: Fork, at block: BlockNumber, with page: PageAddress, sync: SyncPolicy)
            throws(StorageError)
        {
            let one = InlineArray<1, PageAddress>(repeating: page)
            try self[fork].append(Int(block.rawValue) + 1) { () throws(StorageError) in
                try move(fork, block, one.span, isRead: false)
            }
        }

        func zeroExtend(_ fork: Fork, from block: BlockNumber, count: Int, sync: SyncPolicy)
            throws(StorageError)
        {
            try self[fork].grow(to: Int(block.rawValue) + count)
        }

        func truncate(_ fork: Fork, to count: UInt32, session: Session) throws(StorageError) {
            session.submitStaged()
            try self[fork].cut(to: count)
        }

        func immediateSync(_ fork: Fork) throws(StorageError) {
            _ = try self[fork].count()
            try self[fork].sync()
        }

        /// The fork already knows that its length has changed.
        func registerSync(_ fork: Fork) throws(StorageError) { _ = try self[fork].count() }

        // MARK: Blocks

        func maximumCombine(_ fork: Fork, block: BlockNumber) -> Int {
            let rest = Int(block.rawValue) % ObjectGeometry.blocksPerObject
            return min(ScratchBuffers.maximumBlocks, ObjectGeometry.blocksPerObject - rest)
        }

        func read(_ fork: Fork, block: BlockNumber, into pages: Span<PageAddress>)
            throws(StorageError)
        {
            try check(fork, block, pages.count, isRead: true)
            try move(fork, block, pages, isRead: true)
        }

        func write(
            _ fork: Fork, block: BlockNumber, from pages: Span<PageAddress>, sync: SyncPolicy
        ) throws(StorageError) {
            try self[fork].checkWritable("write")
            try check(fork, block, pages.count, isRead: false)
            try move(fork, block, pages, isRead: false)
        }

        func startRead(
            _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
            into pages: Span<PageAddress>
        ) throws(StorageError) {
            try start(handle, fork, block, pages, isRead: true)
        }

        func startWrite(
            _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
            from pages: Span<PageAddress>, sync: SyncPolicy
        ) throws(StorageError) {
            try start(handle, fork, block, pages, isRead: false)
        }

        private func start(
            _ handle: consuming IOHandle, _ fork: Fork, _ block: BlockNumber,
            _ pages: Span<PageAddress>, isRead: Bool
        ) throws(StorageError) {
            let place: RadosFork.Place
            do throws(StorageError) {
                if !isRead { try self[fork].checkWritable("write") }
                place = try self[fork].place(of: block)
                let count = min(
                    pages.count, place.following, maximumCombine(fork, block: block))
                guard count > 0 else { throw endsBefore(fork, block, pages.count, isRead: isRead) }
                for position in 0..<count {
                    let bytes = unsafe pages[position].bytes
                    unsafe try handle.appendVector(bytes)
                }
                try handle.registerCallbacks(isRead ? callbacks.read : callbacks.write)
            } catch {
                handle.release()
                throw error
            }
            target.set(
                on: handle, locator, fork, block: block, count: pages.count,
                tag: place.incarnation)
            let (space, object) = (space, place.object)
            handle.startElsewhere(isRead ? .read : .write, at: Int64(place.offset)) { io in
                if isRead {
                    RadosTransfer.beginRead(io, space, object)
                } else {
                    RadosTransfer.beginWrite(io, space, object)
                }
            }
        }

        // MARK: Words

        private func check(_ fork: Fork, _ block: BlockNumber, _ count: Int, isRead: Bool)
            throws(StorageError)
        {
            guard try self[fork].place(of: block).following >= count else {
                throw endsBefore(fork, block, count, isRead: isRead)
            }
        }

        private func endsBefore(_ fork: Fork, _ block: BlockNumber, _ count: Int, isRead: Bool)
            -> StorageError
        {
            let label = RelationLabel(
                locator, fork, block: block, count: UInt32(count), manager: target.manager)
            return StorageError(
                isRead ? .readFailed : .writeFailed,
                "could not \(isRead ? "read" : "write") \(label): it ends before",
                remedy: "Ask for blocks that exist.", at: self[fork].location(block.rawValue))
        }
    }
#endif
