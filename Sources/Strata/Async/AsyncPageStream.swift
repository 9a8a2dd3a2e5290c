internal import AsyncIO
public import BufferManager
public import ReadStream
internal import StorageManager

/// Pages of a relation for a task, in the order in which a source names them, read ahead of their
/// use.
///
/// ```swift
/// var stream = relation.scan(session: session)
/// while let page = try await stream.next() { … }
/// ```
///
/// It is a `ReadStream` that the session's loop drives while the task uses the pages that are
/// there. As long as all pages are in the pool, the task has the stream and takes them itself,
/// without suspending; so that other tasks get their turn, it yields after ``yieldInterval`` of
/// them.
///
/// One task at a time uses it. It may be destroyed at any time: all pages that were not taken are
/// given back, and reads in flight end in the pool.
public struct AsyncPageStream<Source: BlockSource & Sendable>: ~Copyable, @unchecked Sendable
where Source.PageData: Sendable {
    // Sendable, because the stream within belongs either to the task or to the loop, and
    // ``StreamWork`` moves it between them.

    /// After how many pages from the pool a task yields.
    public static var yieldInterval: Int { 64 }

    /// The source's data for the page taken last.
    @inlinable public var data: Source.PageData? { current }

    @usableFromInline var current: Source.PageData?
    /// The stream, while the task has it; nil while the session's loop has it. The queue is empty
    /// while the task has it.
    @usableFromInline var stream: ReadStream<Source>?
    /// Number of pages taken since the task was last suspended.
    @usableFromInline var run = 0
    /// Whether all pages were taken and the source had no more.
    private var isEnded = false
    private let work: StreamWork<Source>

    init(
        _ relation: Relation, _ session: AsyncSession, _ options: ReadStreamOptions,
        _ source: Source
    ) {
        var options = options
        work = StreamWork(session.core, &options)
        stream = ReadStream(
            relation.engine.buffers, over: relation.open, session: session.core.session,
            options: options, source: source)
    }

    deinit { work.drop() }

    /// Takes the next page; nil if the source has no more blocks and all pages were taken.
    ///
    /// - Throws: `CancellationError` if the task is cancelled while it waits; the stream can
    ///   continue. The error of this block, `invalidPage` or an error of the storage; the next call
    ///   continues after the block. `waitTooLong`, `tooManyWaiting`, `closed`; the next call tries
    ///   the same block again.
    @inlinable
    @inline(__always)
    nonisolated(nonsending) public mutating func next() async throws -> PinnedPage? {
        if let page = nextIfResident() { return page }
        return try await nextQueued()
    }

    /// Takes the next page if the task has the stream and the page is in the pool.
    @inlinable
    @inline(__always)
    mutating func nextIfResident() -> PinnedPage? {
        if run >= Self.yieldInterval { return nil }
        guard let page = stream?.nextIfResident() else { return nil }
        current = stream?.data
        run &+= 1
        return page
    }

    @usableFromInline
    nonisolated(nonsending) mutating func nextQueued() async throws -> PinnedPage? {
        while true {
            if run >= Self.yieldInterval {
                run = 0
                await Task.yield()
                try Task.checkCancellation()
                if let page = nextIfResident() { return page }
            }
            var left = 0
            if let item = work.queue.removeFirst(&left) {
                // The loop fills the queue again while the task uses the other half.
                if left == work.queue.capacity / 2 { work.post() }
                switch consume item {
                case .page(let page, let data):
                    current = data
                    return page
                case .failed(let error, let data):
                    if let data { current = data }
                    throw error
                }
            }
            if isEnded { return end() }
            if let stream = stream.take() { work.give(stream) }
            run = 0
            try await work.waitForItem()
            if !work.isDrained { continue }
            stream = work.takeBack()
            isEnded = work.hasEnded
            if let page = nextIfResident() { return page }
        }
    }

    private mutating func end() -> PinnedPage? {
        current = nil
        return nil
    }
}

extension AsyncPageStream {
    /// Stops asking the source. Blocks it already named can still be taken; after them ``next()``
    /// returns nil.
    ///
    /// Suspends until the session's loop has stopped asking.
    ///
    /// - Throws: `CancellationError`, `tooManyWaiting`, `closed`; the stream then continues.
    nonisolated(nonsending) public mutating func pause() async throws {
        try await change { $0.pause() }
    }

    /// Asks the source again, after ``pause()`` or after it had no more, and looks as far ahead as
    /// before.
    ///
    /// - Parameter source: the source from here on; nil: the one that the stream has.
    /// - Throws: what ``pause()`` throws.
    nonisolated(nonsending) public mutating func resume(with source: Source? = nil) async throws {
        try await change { stream in
            if let source { stream.source = source }
            stream.resume()
        }
    }

    /// Forgets blocks that were named and not taken, and starts again: asks the source, with the
    /// initial look-ahead. Waits for no IO.
    ///
    /// - Parameter source: the source from here on; nil: the one that the stream has.
    /// - Throws: what ``pause()`` throws.
    nonisolated(nonsending) public mutating func reset(with source: Source? = nil) async throws {
        try await change(discarding: true) { stream in
            if let source { stream.source = source }
            stream.reset()
        }
        current = nil
        run = 0
    }

    /// Takes the stream back from the loop and changes it.
    ///
    /// - Parameter discarding: whether to give back the pages that wait for the task.
    nonisolated(nonsending) private mutating func change(
        discarding: Bool = false, _ body: (inout ReadStream<Source>) -> Void
    ) async throws {
        while stream == nil {
            stream = work.takeBack()
            if stream == nil { try await work.waitForStream() }
        }
        if discarding { work.queue.removeAll() }
        guard var stream = stream.take() else { preconditionFailure("the task has the stream") }
        body(&stream)
        isEnded = false
        // The task's own pages come after those that wait for it.
        if work.queue.count > 0 { work.give(stream) } else { self.stream = consume stream }
    }
}

extension Relation {
    /// All pages from first to last for a task, read ahead of their use, as threads get them with a
    /// `Session`.
    ///
    /// - Parameters:
    ///   - session: the task's.
    ///   - extent: which pages; nil for those of this moment.
    public func scan(session: AsyncSession, extent: RelationExtent? = nil)
        -> AsyncPageStream<BlockRange>
    {
        let blocks = 0..<(extent ?? self.extent).blockCount
        return stream(
            BlockRange(blocks), session: session,
            options: .scan(of: blocks.count, in: engine.buffers))
    }

    /// Pages in the order in which a source names them, for a task, read ahead of their use.
    ///
    /// - Parameters:
    ///   - source: names blocks below ``blockCount``. It is called on the session's loop.
    ///   - session: the session that reads; any number of tasks may use it.
    ///   - options: as for threads. A strategy must be used by this stream only.
    public func stream<Source: BlockSource & Sendable>(
        _ source: Source, session: AsyncSession,
        options: ReadStreamOptions = ReadStreamOptions()
    ) -> AsyncPageStream<Source> where Source.PageData: Sendable {
        AsyncPageStream(self, session, options, source)
    }
}
