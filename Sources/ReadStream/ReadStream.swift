public import AsyncIO
public import BufferManager
public import DequeModule
public import StorageManager

/// Pages of a relation in the order that a ``BlockSource`` names them, read ahead of their use.
///
/// The stream asks its source for blocks, joins neighbours into larger reads, and starts reads
/// before their pages are wanted. It looks ahead just far enough that pages are there when wanted.
/// While all pages are in the pool, it looks no further than the page asked for and takes that in
/// one lookup.
///
/// A stream belongs to its session's thread. ``next()`` may block that thread, so callers must not
/// call it on Swift's cooperative pool. Destroying the stream gives back the pages that were read
/// and not taken; reads in flight go on into the pool. Mirrors PostgreSQL's `ReadStream`.
public struct ReadStream<Source: BlockSource>: ~Copyable {
    /// Names the blocks. May be replaced at any time; blocks it already named stay queued until
    /// ``reset()``.
    public var source: Source
    /// The source's data for the page taken last.
    @inlinable public var data: Source.PageData? { current }

    @usableFromInline var current: Source.PageData?
    /// Whether pages are looked up only when asked for, with nothing read ahead or pinned.
    @usableFromInline var isOnDemand: Bool
    /// Pages taken on demand, which the engine did not count.
    @usableFromInline var pagesOnDemand: UInt64 = 0
    @usableFromInline let manager: BufferManager
    @usableFromInline let relation: OpenRelation
    @usableFromInline let session: Session
    @usableFromInline let strategy: AccessStrategy?
    @usableFromInline let fork: Fork

    @usableFromInline let engine: StreamEngine
    /// Whether the look-ahead has stopped for dirty pages that must be written out.
    @usableFromInline var needsCleaning = false
    /// The data of blocks that the source named and the user has not taken, in order.
    @usableFromInline var waiting: RigidDeque<Source.PageData>

    /// Makes a stream. It asks for and reads nothing before ``next()``. Mirrors PostgreSQL's
    /// `read_stream_begin_relation`.
    ///
    /// - Parameters:
    ///   - manager: the pool that pages are read into.
    ///   - relation: the relation to read.
    ///   - session: issues the reads.
    ///   - options: the stream's settings.
    ///   - source: names the blocks.
    public init(
        _ manager: BufferManager, over relation: OpenRelation, session: Session,
        options: ReadStreamOptions = ReadStreamOptions(), source: Source
    ) {
        self.source = source
        self.manager = manager
        self.relation = relation
        self.session = session
        strategy = options.strategy
        fork = options.fork
        engine = StreamEngine(manager, relation, session, options)
        waiting = RigidDeque(capacity: engine.capacity + 2)
        isOnDemand = engine.isOnDemand
    }

    /// Takes the next page; nil if the source has no more blocks and all pages were taken.
    ///
    /// Costs a lookup and a pin if there is no IO. Otherwise waits for the read of the page, if it
    /// is not complete, and starts further reads. Allocates nothing once the look-ahead has reached
    /// its greatest length. Mirrors PostgreSQL's `read_stream_next_buffer`.
    ///
    /// - Throws: the error of this block: `invalidPage`, an error of the storage, or
    ///   `resourcesExhausted` if others have pinned all buffers. Pages before the block have been
    ///   taken; the next call continues behind it.
    @inlinable
    public mutating func next() throws(StorageError) -> PinnedPage? {
        if let page = nextIfResident() { return page }
        return try nextQueued()
    }

    /// Takes the next page if it is in the pool and the stream looks no further than that page.
    /// Returns nil otherwise; ``next()`` then continues. Costs a lookup and a pin; never waits or
    /// throws.
    @inlinable
    public mutating func nextIfResident() -> PinnedPage? {
        guard isOnDemand else { return nil }
        guard let (block, data) = source.next() else {
            isOnDemand = false
            engine.setExhausted(true)
            return nil
        }
        let page = manager.pinIfResident(
            block, of: relation, fork: fork, strategy: strategy, session: session)
        if let page {
            current = data
            pagesOnDemand &+= 1
            return page
        }
        isOnDemand = false
        waiting.append(data)
        engine.missed(block)
        return nil
    }

    /// Waits where ``advance()`` does not.
    @inlinable
    @inline(never)
    mutating func nextQueued() throws(StorageError) -> PinnedPage? {
        while true {
            if let page = try advance() {
                while needsCleaning {
                    engine.cleanAhead()
                    lookAhead()
                }
                return page
            }
            if !engine.waitForNeed() { return nil }
        }
    }

    /// The stream's step: takes the next page if it is there, and looks ahead. Waits for nothing.
    ///
    /// - Returns: nil if the page needs something (`StreamEngine.need`), or if there is none.
    /// - Throws: what ``next()`` throws.
    @inlinable
    mutating func advance() throws(StorageError) -> PinnedPage? {
        if engine.isEmpty {
            lookAhead(urgently: true)
            if engine.isEmpty { return try nothingStarted() }
        }
        do throws(StorageError) {
            guard let page = try engine.takeFirst() else { return nil }
            current = waiting.removeFirst()
            if !engine.isOnDemand { lookAhead() }
            isOnDemand = engine.isOnDemand
            return page
        } catch {
            current = waiting.removeFirst()
            isOnDemand = engine.isOnDemand
            throw error
        }
    }

    /// Fills the queue as far as the distances allow. Waits for nothing.
    ///
    /// - Parameter urgently: whether the first page is wanted at once.
    @inlinable
    mutating func lookAhead(urgently: Bool = false) {
        engine.beginLookAhead(urgently: urgently)
        while engine.wantsBlock {
            guard let (block, data) = source.next() else {
                engine.setExhausted(true)
                break
            }
            waiting.append(data)
            engine.add(block)
        }
        needsCleaning = engine.endLookAhead()
    }

    /// Ends the stream, or throws why the next read cannot be started.
    @inlinable
    mutating func nothingStarted() throws(StorageError) -> PinnedPage? {
        if engine.needsToStart() { return nil }
        guard let error = engine.takeStartFailure() else {
            current = nil
            return nil
        }
        current = waiting.removeFirst()
        isOnDemand = engine.isOnDemand
        throw error
    }
}

extension ReadStream {
    /// Stops asking the source. Blocks it already named can still be taken; after them ``next()``
    /// returns nil. Mirrors PostgreSQL's `read_stream_pause`.
    public mutating func pause() {
        engine.isPaused = true
        isOnDemand = false
    }

    /// Asks the source again, after ``pause()`` or after it had no more, and looks as far ahead as
    /// before. Mirrors PostgreSQL's `read_stream_resume`.
    public mutating func resume() {
        engine.isPaused = false
        engine.setExhausted(false)
        isOnDemand = engine.isOnDemand
    }

    /// Forgets blocks that were named and not taken, and starts again: asks the source, with the
    /// initial look-ahead. Waits for nothing. Mirrors PostgreSQL's `read_stream_reset`.
    public mutating func reset() {
        waiting.removeAll()
        engine.reset()
        current = nil
        needsCleaning = false
        isOnDemand = engine.isOnDemand
    }

    /// Gives back all pages that were not taken, as destroying the stream does. Mirrors
    /// PostgreSQL's `read_stream_end`.
    public consuming func end() {}

    /// The stream's counters so far.
    public var statistics: ReadStreamStatistics {
        var statistics = engine.statistics
        // A page taken on demand is a hit at distance 1.
        statistics.pages += pagesOnDemand
        statistics.hits += pagesOnDemand
        statistics.distanceSum += pagesOnDemand
        statistics.distance = engine.readAheadDistance
        return statistics
    }
}

extension ReadStream {
    /// Makes a stream of the blocks a closure returns.
    ///
    /// See ``init(_:over:session:options:source:)``.
    public init(
        _ manager: BufferManager, over relation: OpenRelation, session: Session,
        options: ReadStreamOptions = ReadStreamOptions(), blocks: @escaping () -> BlockNumber?
    ) where Source == BlockGenerator<Void> {
        self.init(
            manager, over: relation, session: session, options: options,
            source: BlockGenerator(blocks: blocks))
    }
}
