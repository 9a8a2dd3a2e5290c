internal import Threads

/// One running checkpoint, owned by the request whose turn it is.
///
/// Used on its session's thread. Between two steps nothing is being waited for, and the session has
/// nothing staged. Does not keep the engine: a step throws `closed` once it is gone. A caller that
/// lets go of the engine between two steps must ``settle()`` before.
final class CheckpointRun {
    private let reference: WeakEngine
    private let queue: CheckpointQueue
    private let isJournalled: Bool
    private let session: Session
    /// The relations used since the checkpoint before.
    private let touched: [RelationLocator]
    /// The grown relations as of its beginning.
    private let grown: [RelationDescription]
    private let removable: Set<RelationLocator>
    private let writer: CheckpointWriter
    private let begin = ContinuousClock.now
    private var writeTime = Duration.zero
    private var syncTime = Duration.zero
    private(set) var phase = Phase.writing
    private var hasLeft = false
    /// A page whose contents were refused. All others become durable before it is thrown.
    private var refusal: StorageError?

    enum Phase { case writing, syncing, publishing, done }

    /// Records what must become durable.
    init(_ engine: Engine, _ session: Session) throws(StorageError) {
        reference = WeakEngine(engine)
        queue = engine.checkpoints
        isJournalled = engine.journal != nil
        self.session = session
        let (touched, removable) = engine.state.withLock { state in
            (state.takeTouched(), Set(state.removable.map(\.locator)))
        }
        (self.touched, self.removable) = (touched, removable)
        // Before pages are marked: what is counted is written.
        grown = engine.changedSizes(of: touched)
        do throws(StorageError) {
            writer = try CheckpointWriter(engine.buffers, session: session)
        } catch {
            // Nothing else gives the turn back, as the object is never whole.
            engine.state.withLock { $0.touched.formUnion(touched) }
            engine.checkpoints.leave(error) { _ in }
            throw error
        }
    }

    deinit { leave(StorageError(.closed, Self.abandoned)) }

    private static let abandoned = "the checkpoint was given up"

    /// The fraction of the pages already passed, from 0 to 1.
    var progress: Double {
        writer.pageCount == 0 ? 1 : Double(writer.passedCount) / Double(writer.pageCount)
    }

    /// The time since it began.
    var elapsed: Duration { ContinuousClock.now - begin }

    /// How long to pause now, if it is ahead of its pace; a part of that if it is long.
    func rest(_ pace: CheckpointPace) -> Duration? {
        guard case .spread(let time) = pace, phase == .writing else { return nil }
        let ahead = time * progress - elapsed
        return ahead > .zero ? min(ahead, Self.longestPause) : nil
    }

    private static let longestPause = Duration.milliseconds(100)

    /// Waits for writes in flight.
    func settle() { writer.settle() }

    /// Prepares for the thread to turn to other work.
    func letGo() {
        if isJournalled { settle() }
    }

    /// Advances by that many pages or, after the pages, by the next action.
    ///
    /// - Returns: whether there is more to do.
    /// - Throws: the error that ends it.
    func step(pages: Int) throws(StorageError) -> Bool {
        guard let engine = reference.engine else { throw StorageError(.closed, Self.abandoned) }
        do throws(StorageError) {
            switch phase {
            case .writing:
                if writer.step(pages: pages) { return true }
                try finishWriting()
                writeTime = elapsed
                phase = .syncing
            case .syncing:
                try engine.syncJournalled(session)
                syncTime = elapsed - writeTime
                phase = .publishing
            case .publishing:
                try publish(engine)
                if let refusal { throw refusal }
                phase = .done
                leave(nil)
            case .done: break
            }
        } catch {
            engine.note(error)
            leave(error)
            throw error
        }
        return phase != .done
    }

    private func finishWriting() throws(StorageError) {
        do throws(StorageError) { try writer.finish() } catch {
            guard error.code == .pageRefused else { throw error }
            refusal = error
        }
    }

    /// Records what has become durable, and removes what nothing refers to any more.
    private func publish(_ engine: Engine) throws(StorageError) {
        let grown = grown
        if !grown.isEmpty {
            try engine.changeCatalog(session) { (catalog) throws(StorageError) in
                for relation in grown {
                    let locator = relation.locator
                    guard let record = engine.state.withLock({ $0.records[locator] }),
                        var now = engine.state.withLock({ $0.description(at: locator) })
                    else { continue }
                    for (fork, count) in relation.furtherForks {
                        let kept = record.forks.kept(fork, of: count)
                        now.furtherForks[fork] = max(kept, now.furtherForks[fork] ?? 0)
                    }
                    // A load committed meanwhile has made it even longer, or a cut shorter.
                    let kept = record.forks.kept(.main, of: relation.blockCount)
                    if kept > now.blockCount {
                        now.blockCount = kept
                        now.forgetRowCount()
                    }
                    catalog.relations[now.name] = now
                }
            } publish: { state in
                for relation in grown {
                    guard let record = state.records[relation.locator],
                        let now = state.description(at: relation.locator)
                    else { continue }
                    for (fork, count) in now.furtherForks { record.show(fork, blocks: count) }
                }
            }
        }
        engine.removeRemains(session, of: removable)
        // What could not be removed may have failed for good.
        try engine.buffers.checkWritable()
    }

    private func leave(_ failure: StorageError?) {
        if hasLeft { return }
        hasLeft = true
        if failure != nil {
            reference.engine?.state.withLock { $0.touched.formUnion(touched) }
        }
        queue.leave(failure) { statistics in
            statistics.pages += writer.pageCount
            statistics.writeTime += writeTime
            statistics.syncTime += syncTime
        }
    }
}

/// A checkpoint that its owner makes step by step, between other work on the same thread.
///
/// Replaces ``Engine/checkpoint(_:pace:)`` where everything must be repeatable, as in a simulation,
/// and has the same effect. Until it has been stepped to its end, or dropped, no other checkpoint
/// begins; requesting one on the same thread throws `misuse`. Dropping it is like a failed
/// checkpoint: some pages are written, and nothing is promised. Belongs to its session's thread;
/// the session may be used between two steps.
public final class SteppedCheckpoint {
    private let run: CheckpointRun
    private let engine: Engine

    init(_ run: CheckpointRun, of engine: Engine) { (self.run, self.engine) = (run, engine) }

    /// The fraction of the pages already passed, from 0 to 1.
    public var progress: Double { run.progress }

    /// Whether everything changed before it began is durable.
    public var isDone: Bool { run.phase == .done }

    /// Starts writing the next pages. Once there are none left, waits for them, then syncs, then
    /// publishes, one action per step.
    ///
    /// - Parameter pages: how many of the pages to pass, at least one.
    /// - Returns: whether there is more to do.
    /// - Throws: what ``Engine/checkpoint(_:pace:)`` throws; the checkpoint is then over.
    @discardableResult
    public func step(pages: Int = 64) throws(StorageError) -> Bool {
        // A thread that makes room in the journal in between waits for all of its batches.
        defer { run.letGo() }
        return try run.step(pages: pages)
    }
}
