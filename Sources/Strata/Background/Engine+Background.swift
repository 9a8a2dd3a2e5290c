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
        guard options.isOnRealFiles, options.access == .readWrite else { return }
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
        return ServiceThread.start { thread in
            var last = ContinuousClock.now
            var written: UInt64 = 0
            while !thread.isEnding {
                thread.sleep(Self.checkpointPoll)
                guard !thread.isEnding, let engine = reference.engine else { return }
                let writes = engine.buffers.statistics.writes
                let isDue =
                    options.interval.map { ContinuousClock.now - last >= $0 } ?? false
                    || options.writtenBytes.map {
                        (writes - written) * UInt64(blockSize) >= UInt64($0)
                    } ?? false
                guard isDue else { continue }
                engine.checkpointByItself(options.pace)
                last = ContinuousClock.now
                written = engine.buffers.statistics.writes
            }
        }
    }

    /// How often to check whether a checkpoint is due.
    private static let checkpointPoll = Duration.milliseconds(200)

    private func checkpointByItself(_ pace: CheckpointPace) {
        do throws(StorageError) {
            // Open only meanwhile, since streams share the pool among open sessions.
            let session = try system.makeSession()
            defer { session.close() }
            try checkpoint(session, pace: pace)
        } catch {
            logger.error("store \"\(directory)\": the checkpoint failed: \(error)")
        }
    }
}

/// A reference to an engine that does not retain it.
final class WeakEngine: Sendable {
    weak let engine: Engine?

    init(_ engine: Engine) { self.engine = engine }
}
