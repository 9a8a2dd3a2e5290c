package import AsyncIO
package import BufferManager
package import StorageManager

/// A read stream whose steps never wait: the core of a stream for tasks.
///
/// It belongs to its session's thread, except while it is on demand: then its user may ask the
/// source, until a block is not in the pool (``missed(_:data:)``).
package final class StreamFeed<Source: BlockSource> {
    /// The outcome of one step.
    package enum Step: ~Copyable {
        /// The next page, with the source's data.
        case page(PinnedPage, Source.PageData)
        /// The error of the next block, with the source's data.
        case failed(StorageError, Source.PageData)
        /// No page until this need is met.
        case needs(ReadNeed, ReadOperation)
        /// The source has no more, and all pages were taken.
        case ended
    }

    /// Names the blocks.
    package var source: Source
    private let engine: StreamEngine
    private var waiting: DataRing<Source.PageData>
    private var refusal: StorageError?

    /// See ``ReadStream/init(_:over:session:options:source:)``.
    package init(
        _ manager: BufferManager, over relation: OpenRelation, session: Session,
        options: ReadStreamOptions, source: Source
    ) {
        self.source = source
        engine = StreamEngine(manager, relation, session, options, isAwaited: true)
        waiting = DataRing(capacity: engine.capacity + 2)
    }

    /// Whether nothing is read ahead, so that the user may look up pages itself.
    package var isOnDemand: Bool { engine.isOnDemand }

    /// Takes a block that the user got from the source and did not find in the pool.
    package func missed(_ block: BlockNumber, data: Source.PageData) {
        waiting.append(data)
        engine.missed(block)
    }

    /// Takes the next page if it is there, and looks ahead.
    ///
    /// - Parameter isWanted: whether the user waits for the page.
    package func step(isWanted: Bool) -> Step {
        engine.need = nil
        if let refusal { return refused(refusal) }
        if engine.isEmpty {
            lookAhead(urgently: true)
            if engine.isEmpty { return nothingStarted() }
        }
        do throws(StorageError) {
            guard let page = try engine.takeFirstAwaited(isWanted: isWanted) else {
                guard let (need, operation) = engine.need else {
                    preconditionFailure("a page that cannot be taken waits for something")
                }
                return .needs(need, operation)
            }
            let data = waiting.removeFirst()
            if !engine.isOnDemand { lookAhead(urgently: false) }
            return .page(page, data)
        } catch {
            return .failed(error, waiting.removeFirst())
        }
    }

    private func lookAhead(urgently: Bool) {
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

    private func refused(_ error: StorageError) -> Step {
        refusal = nil
        if !engine.isEmpty {
            engine.giveUpFirst()
            return .failed(error, waiting.removeFirst())
        }
        engine.startNeed = nil
        engine.startFailure = error
        return nothingStarted()
    }

    private func nothingStarted() -> Step {
        if engine.startNeed != nil, let (need, operation) = engine.need {
            return .needs(need, operation)
        }
        guard let error = engine.takeStartFailure() else { return .ended }
        return .failed(error, waiting.removeFirst())
    }

    /// Makes the next step report `error` for the next block.
    package func refuse(_ error: StorageError) { refusal = error }

    /// Gives everything back.
    package func end() {
        waiting.removeAll()
        engine.reset()
        engine.reads = []
        engine.spare = nil
        engine.setExhausted(true)
    }

    /// The stream's counters so far, without pages taken on demand.
    package var statistics: ReadStreamStatistics {
        var statistics = engine.statistics
        statistics.distance = engine.readAheadDistance
        return statistics
    }
}
