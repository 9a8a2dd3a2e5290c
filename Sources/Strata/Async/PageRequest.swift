internal import AsyncIO
internal import BufferManager
internal import StorageManager
internal import Synchronization

/// A request of a task to an asynchronous session.
class TaskRequest: CoreWork, @unchecked Sendable {
    let task = TaskWait()

    /// Passes the request to the core and suspends the task until it is done.
    ///
    /// - Throws: `CancellationError`, `closed`, `tooManyWaiting`, or the error that the core met.
    nonisolated(nonsending) final func wait() async throws {
        try core.admit()
        defer { core.leave() }
        try await task.wait(start: { post() }, cancelled: { [core] in core.noteAbandoned() })
    }

    final override var isAbandoned: Bool { task.isCancelled }
}

/// A task's request for a page that is not in the pool.
final class PageRequest: TaskRequest, @unchecked Sendable {
    private let relation: OpenRelation
    private let fork: Fork
    private let block: BlockNumber
    private let readOptions: ReadOptions

    /// The read in progress, if any. Used by the loop only, like everything below.
    private var operation: ReadOperation?
    private var isActive = false
    /// Used by the loop until the request is done, then by the task.
    private var page: PinnedPage?

    init(
        _ core: AsyncCore, _ relation: OpenRelation, _ fork: Fork, _ block: BlockNumber,
        _ readOptions: ReadOptions
    ) {
        self.relation = relation
        self.fork = fork
        self.block = block
        self.readOptions = readOptions
        super.init(core)
    }

    /// The page, after ``TaskRequest/wait()`` has returned.
    func takePage() -> PinnedPage? { page.take() }

    override func proceed() -> Outcome {
        if !isActive {
            isActive = true
            core.activeCount += 1
            // New requests must not overtake those that queue.
            if core.hasQueue, !isAbandoned { return .queues }
        }
        if isAbandoned { return end(nil) }
        do throws(StorageError) {
            if let outcome = try advance() { return outcome }
            page = operation?.takePage()
            return end(nil)
        } catch {
            return end(error)
        }
    }

    /// Returns nil once the page can be taken.
    private func advance() throws(StorageError) -> Outcome? {
        let buffers = core.engine.buffers
        let operation: ReadOperation
        if let own = self.operation {
            operation = own
        } else {
            operation = try core.takeOperation(relation, fork, readOptions)
            self.operation = operation
        }
        while let need = try buffers.advance(operation, reading: block) {
            switch try core.await(need, operation, for: self) {
            case .again: continue
            case .parked: return .done
            case .queues: return .queues
            }
        }
        return nil
    }

    private func end(_ error: StorageError?) -> Outcome {
        if let operation { core.giveBack(operation) }
        operation = nil
        core.activeCount -= 1
        if !task.finish(error) { page = nil }
        return .done
    }

    override func fail(_ error: StorageError) { _ = end(error) }
}

/// A request to close an asynchronous session.
final class CloseWork: TaskRequest, @unchecked Sendable {
    override func proceed() -> Outcome {
        core.close(self)
        return .done
    }
}

/// A request to grow a relation, which the engine's helper fulfils.
final class ExtensionRequest: TaskRequest, @unchecked Sendable {
    private let relation: Relation
    private let count: Int
    private var isSent = false
    /// Used by the helper, then by the loop, then by the task; like the error.
    private var pages: ExtendedPages?
    private var failure: StorageError?

    init(_ core: AsyncCore, _ relation: Relation, _ count: Int) {
        self.relation = relation
        self.count = count
        super.init(core)
    }

    func takePages() -> ExtendedPages? { pages.take() }

    override func proceed() -> Outcome {
        if isSent {
            core.activeCount -= 1
            if !task.finish(failure) { pages = nil }
            return .done
        }
        if isAbandoned { return .done }
        isSent = true
        core.activeCount += 1
        core.engine.asyncParts.helper { session in
            do throws(StorageError) {
                self.pages = try self.relation.extend(by: self.count, session: session)
            } catch {
                self.failure = error
            }
            self.post()
        }
        return .done
    }
}
