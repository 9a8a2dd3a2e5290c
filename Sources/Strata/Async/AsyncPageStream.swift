internal import AsyncIO
public import BufferManager
internal import ReadStream
internal import StorageManager

/// Pages of a relation for a task, in the order that a source names them, read ahead of their use.
///
/// ```swift
/// var stream = relation.scan(session: session)
/// while let page = try await stream.next() { … }
/// ```
///
/// It looks ahead as a `ReadStream.ReadStream` does, on the thread of whoever serves the session,
/// while the task uses the pages that are there. Pages that are in the pool are taken without
/// suspending; so that others get their turn, the task yields after ``yieldInterval`` of them.
///
/// One task at a time uses it. It may go at any time, in the middle too: all pages that were not
/// taken are given back, reads in flight end in the pool.
public struct AsyncPageStream<Source: BlockSource & Sendable>: ~Copyable, Sendable
where Source.PageData: Sendable {
    /// After how many pages from the pool a task yields.
    public static var yieldInterval: Int { 64 }

    /// What the source gave along with the page taken last.
    @inlinable public var data: Source.PageData? { current }

    @usableFromInline var current: Source.PageData?
    /// The source, while pages are looked up as they are asked for.
    @usableFromInline var source: Source
    @usableFromInline var isOnDemand: Bool
    /// Pages taken since the task was last suspended.
    @usableFromInline var run = 0
    /// A block that the source named and that is not in the pool.
    @usableFromInline var missed: (block: BlockNumber, data: Source.PageData)?
    private var isEnded = false
    @usableFromInline let relation: Relation
    @usableFromInline let session: AsyncSession
    @usableFromInline let fork: Fork
    private let work: StreamWork<Source>
    /// Whether the loop has to be told that there is room.
    private var hasFeed = true

    init(
        _ relation: Relation, _ session: AsyncSession, _ options: ReadStreamOptions,
        _ source: Source
    ) {
        self.relation = relation
        self.session = session
        self.source = source
        fork = options.fork
        work = StreamWork(session.core, relation.open, options, source)
        isOnDemand = work.feed.isOnDemand
    }

    deinit { work.drop() }

    /// Takes the next page; nil when the source has no more and all pages were taken.
    ///
    /// - Throws: `CancellationError` if the task is cancelled while it waits; the stream can go on.
    ///   What went wrong with this very block: `invalidPage` or what the storage throws; the next
    ///   call goes on behind it. `waitTooLong`, `tooManyWaiting`, `closed`; the next call tries the
    ///   same block again.
    @inlinable
    @inline(__always)
    nonisolated(nonsending) public mutating func next() async throws -> PinnedPage? {
        if isOnDemand, let page = nextResident() { return page }
        return try await nextQueued()
    }

    /// The next page if it is in the pool and none was read ahead.
    @inlinable
    @inline(__always)
    mutating func nextResident() -> PinnedPage? {
        if run >= Self.yieldInterval || missed != nil { return nil }
        guard let (block, data) = source.next() else {
            isOnDemand = false
            return nil
        }
        guard let page = relation.residentPage(block, fork, session) else {
            missed = (block, data)
            return nil
        }
        current = data
        run &+= 1
        return page
    }

    @usableFromInline
    nonisolated(nonsending) mutating func nextQueued() async throws -> PinnedPage? {
        while true {
            if isEnded { return nil }
            if isOnDemand, run >= Self.yieldInterval {
                run = 0
                await Task.yield()
                try Task.checkCancellation()
                if let page = nextResident() { return page }
            }
            if hasFeed { giveFeed() }
            var left = 0
            guard let item = work.queue.removeFirst(&left) else {
                run = 0
                try await work.waitForItem()
                continue
            }
            if left == work.queue.capacity / 2 { work.post() }
            switch consume item {
            case .page(let page, let data):
                current = data
                return page
            case .failed(let error, let data):
                if let data { current = data }
                throw error
            case .ended:
                isEnded = true
                current = nil
            case .onDemand:
                source = work.feed.source
                (isOnDemand, hasFeed) = (true, true)
                if let page = nextResident() { return page }
            }
        }
    }

    /// Has the loop read ahead from here on.
    private mutating func giveFeed() {
        let (source, missed) = (source, missed)
        work.giveFeed { feed in
            feed.source = source
            if let missed { feed.missed(missed.block, data: missed.data) }
        }
        self.missed = nil
        (isOnDemand, hasFeed) = (false, false)
        work.post()
    }
}

extension Relation {
    /// All pages from the first to the last for a task, read ahead of their use; as
    /// ``scan(session:)`` for threads.
    public func scan(session: AsyncSession) -> AsyncPageStream<BlockRange> {
        let strategy = AccessStrategy(
            .bulkRead, for: engine.buffers,
            readAhead: engine.options.combineLimit * min(32, engine.system.handlesPerSession))
        return AsyncPageStream(
            self, session, ReadStreamOptions([.sequential, .full, .batching], strategy: strategy),
            BlockRange(0..<blockCount))
    }

    /// Pages in the order that a source names them for a task, read ahead of their use.
    ///
    /// - Parameters:
    ///   - source: names blocks below ``blockCount``. It is asked on the session's loop.
    ///   - session: the session that reads; any number of tasks may use it.
    ///   - options: as for threads. A strategy is this stream's alone.
    public func stream<Source: BlockSource & Sendable>(
        _ source: Source, session: AsyncSession,
        options: ReadStreamOptions = ReadStreamOptions()
    ) -> AsyncPageStream<Source> where Source.PageData: Sendable {
        AsyncPageStream(self, session, options, source)
    }
}
