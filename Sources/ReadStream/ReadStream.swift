public import AsyncIO
public import BufferManager
public import StorageManager

/// Pages of a relation in the order that a ``BlockSource`` names them, read ahead of their use.
///
/// The stream asks its source for blocks, joins neighbours into larger reads, and starts reads
/// before their pages are wanted: just as many as it takes to find them there. While all pages are
/// in the pool it looks ahead no further than the page asked for, and takes it in one lookup.
///
/// Belongs to its session's thread. ``next()`` blocks that thread where it must wait, so it must
/// not be called on Swift's cooperative pool. Pages that were read and not taken are given back
/// when the stream goes; reads in flight go on into the pool. Mirrors PostgreSQL's `ReadStream`.
public struct ReadStream<Source: BlockSource>: ~Copyable {
    /// Where the blocks come from. May be exchanged at any time; blocks asked for before stay asked
    /// for until ``reset()``.
    public var source: Source
    /// What the source gave along with the page taken last.
    @inlinable public var data: Source.PageData? { current }

    @usableFromInline var current: Source.PageData?
    /// Nothing is read ahead or pinned: pages are looked up when they are asked for.
    @usableFromInline var isOnDemand: Bool
    /// Pages taken that way, beyond those that the engine counted.
    @usableFromInline var pagesOnDemand: UInt64 = 0
    @usableFromInline let manager: BufferManager
    @usableFromInline let relation: OpenRelation
    @usableFromInline let session: Session
    @usableFromInline let strategy: AccessStrategy?
    @usableFromInline let fork: Fork

    @usableFromInline let engine: StreamEngine
    /// The data of the blocks that the source named and nobody took, in order.
    @usableFromInline var waiting: DataRing<Source.PageData>

    /// Makes a stream; nothing is asked for or read before ``next()``. Mirrors PostgreSQL's
    /// `read_stream_begin_relation`.
    ///
    /// - Parameters:
    ///   - manager: the pool that pages are read into.
    ///   - relation: whose pages.
    ///   - session: what issues the reads.
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
        waiting = DataRing(capacity: engine.capacity + 2)
        isOnDemand = engine.isOnDemand
    }

    /// Takes the next page; nil when the source has no more and all pages were taken.
    ///
    /// Without IO a lookup and a pin. Otherwise waits for the read that brings the page, if that is
    /// not complete, and starts further reads. Allocates nothing once the look-ahead has been as
    /// long as it gets. Mirrors PostgreSQL's `read_stream_next_buffer`.
    ///
    /// - Throws: what went wrong with this very block: `invalidPage`, what the storage throws, or
    ///   `resourcesExhausted` when all buffers are pinned by others. Pages before it have been
    ///   taken, and the next call goes on with the block behind it.
    @inlinable
    public mutating func next() throws(StorageError) -> PinnedPage? {
        guard isOnDemand else { return try nextQueued() }
        guard let (block, data) = source.next() else {
            isOnDemand = false
            engine.setExhausted(true)
            current = nil
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
        return try nextQueued()
    }

    @inlinable
    @inline(never)
    mutating func nextQueued() throws(StorageError) -> PinnedPage? {
        if engine.isEmpty {
            lookAhead(urgently: true)
            if engine.isEmpty { return try nothingStarted() }
        }
        current = waiting.removeFirst()
        do throws(StorageError) {
            let page = try engine.takeFirst()
            if !engine.isOnDemand { lookAhead() }
            isOnDemand = engine.isOnDemand
            return page
        } catch {
            isOnDemand = engine.isOnDemand
            throw error
        }
    }

    /// Fills the queue as far as the distances allow. Never waits for IO.
    ///
    /// - Parameter urgently: the first page is wanted at once.
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
        engine.endLookAhead()
    }

    /// The source has no more, or the next read cannot even be started.
    @inlinable
    mutating func nothingStarted() throws(StorageError) -> PinnedPage? {
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
    /// Stops asking the source. What it named already can still be taken; then ``next()`` returns
    /// nil. Mirrors PostgreSQL's `read_stream_pause`.
    public mutating func pause() {
        engine.isPaused = true
        isOnDemand = false
    }

    /// Asks the source again, after ``pause()`` or after it had no more, and looks ahead as far as
    /// before. Mirrors PostgreSQL's `read_stream_resume`.
    public mutating func resume() {
        engine.isPaused = false
        engine.setExhausted(false)
        isOnDemand = engine.isOnDemand
    }

    /// Forgets what the source named and was not taken, and starts anew: the source is asked again,
    /// and the look-ahead is as short as at first. Waits for nothing. Mirrors PostgreSQL's
    /// `read_stream_reset`.
    public mutating func reset() {
        waiting.removeAll()
        engine.reset()
        current = nil
        isOnDemand = engine.isOnDemand
    }

    /// Gives back all pages that were not taken. The same happens when the stream goes out of use.
    /// Mirrors PostgreSQL's `read_stream_end`.
    public consuming func end() {}

    /// What the stream has done so far.
    public var statistics: ReadStreamStatistics {
        var statistics = engine.statistics
        // A page on demand is a hit, found at a distance of one.
        statistics.pages += pagesOnDemand
        statistics.hits += pagesOnDemand
        statistics.distanceSum += pagesOnDemand
        statistics.distance = engine.readAheadDistance
        return statistics
    }
}

extension ReadStream {
    /// Makes a stream of blocks that a closure names.
    ///
    /// As ``init(_:over:session:options:source:)``.
    public init(
        _ manager: BufferManager, over relation: OpenRelation, session: Session,
        options: ReadStreamOptions = ReadStreamOptions(), blocks: @escaping () -> BlockNumber?
    ) where Source == BlockGenerator<Void> {
        self.init(
            manager, over: relation, session: session, options: options,
            source: BlockGenerator(blocks: blocks))
    }
}
