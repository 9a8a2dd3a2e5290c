internal import Logging
internal import Threads

/// Background work on threads of the engine.
extension Engine {
    /// The running threads.
    struct Background: Sendable {
        var writer: ServiceThread?
        var checkpointer: ServiceThread?
    }

    /// Starts the threads that the options ask for.
    func startBackground() {
        // A simulation does all work on its own threads.
        guard !options.fileSystem.isSimulated, options.access == .readWrite else { return }
        let writer = options.backgroundWriter.flatMap { startWriter($0) }
        let checkpointer = options.automaticCheckpoints.flatMap { startCheckpointer($0) }
        background.withLock { $0 = Background(writer: writer, checkpointer: checkpointer) }
    }

    /// Stops them; they can be started again.
    func stopBackground() {
        let threads = background.withLock { background in
            defer { background = Background() }
            return background
        }
        checkpoints.hasten()
        threads.checkpointer?.end()
        threads.writer?.end { buffers.wakeBackgroundWriter() }
    }

    private func startWriter(_ options: BackgroundWriterOptions) -> ServiceThread? {
        let (buffers, system, logger) = (buffers, system, logger)
        return ServiceThread.start { thread in
            do throws(StorageError) {
                let session = try system.makeSession()
                defer { session.close() }
                let writer = BackgroundWriter(buffers, session: session, options: options)
                Self.write(writer, thread, options, logger)
            } catch {
                logger.warning("nothing is written in the background: \(error)")
            }
        }
    }

    /// How much longer the background writer sleeps while no buffers are needed. PostgreSQL's
    /// `HIBERNATE_FACTOR`.
    private static let idleFactor = 50

    private static func write(
        _ writer: BackgroundWriter, _ thread: ServiceThread,
        _ options: BackgroundWriterOptions, _ logger: Logger
    ) {
        var hasFailed = false
        while !thread.isEnding {
            var outcome = BackgroundWriter.Outcome.done
            do throws(StorageError) {
                outcome = try writer.step()
                hasFailed = false
            } catch {
                // A full disk is logged once, and writing is retried repeatedly.
                if !hasFailed { logger.warning("could not write in the background: \(error)") }
                hasFailed = true
                if error.code == .storeFailed { return }
            }
            switch outcome {
            case .behind: break
            case .done: thread.sleep(options.delay)
            case .idle:
                writer.sleepWhileIdle(atMost: options.delay * idleFactor) { thread.isEnding }
            }
        }
    }

    private func startCheckpointer(_ options: AutomaticCheckpoints) -> ServiceThread? {
        let reference = WeakEngine(self)
        let (name, logger) = (directory, logger)
        return ServiceThread.start { thread in
            var last = Self.amounts(reference)
            while !thread.isEnding {
                thread.sleep(Self.checkpointPoll)
                guard !thread.isEnding, let now = Self.amounts(reference), let then = last else {
                    return
                }
                guard options.isDue(after: then, at: now) else { continue }
                do throws(StorageError) {
                    try Self.checkpoint(reference, pace: options.pace)
                } catch {
                    // An engine that is being released ends its checkpoint.
                    if thread.isEnding { return }
                    logger.error("store \"\(name)\": the checkpoint failed: \(error)")
                }
                last = Self.amounts(reference)
            }
        }
    }

    /// How often to check whether a checkpoint is due.
    private static let checkpointPoll = Duration.milliseconds(200)

    private static func amounts(_ reference: WeakEngine) -> CheckpointAmounts? {
        reference.engine.map { engine in
            CheckpointAmounts(
                time: .now, writes: engine.buffers.statistics.writes,
                drops: engine.state.withLock { $0.dropCount })
        }
    }
}

/// What makes a checkpoint due, as totals at one moment.
struct CheckpointAmounts {
    let time: ContinuousClock.Instant
    /// Pages written.
    let writes: UInt64
    /// Relations dropped or replaced.
    let drops: Int
}

extension AutomaticCheckpoints {
    /// Whether a checkpoint is due, by what has happened since the last one.
    func isDue(after last: CheckpointAmounts, at now: CheckpointAmounts) -> Bool {
        if let interval, now.time - last.time >= interval { return true }
        if let writtenBytes,
            (now.writes - last.writes) * UInt64(blockSize) >= UInt64(writtenBytes)
        {
            return true
        }
        return droppedRelations.map { now.drops - last.drops >= $0 } ?? false
    }
}

/// A reference to an engine that does not retain it.
final class WeakEngine: Sendable {
    weak let engine: Engine?

    init(_ engine: Engine) { self.engine = engine }
}
