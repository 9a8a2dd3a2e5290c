internal import AsyncIO
internal import Threads

/// Reading a relation by several threads or tasks together.
extension Relation {
    /// Reads all pages on several threads, each page on one of them.
    ///
    /// Every thread has a session and a stream of its own, which reads ahead. A stream takes the
    /// next stretch of neighbouring blocks when it has read the last one, so faster threads read
    /// more. Its `data` is the number of the stretch. The calling thread is one of the workers.
    /// There are fewer if the system has no room for more threads; all pages are read all the same.
    /// Blocks until all have ended. Mirrors PostgreSQL's parallel sequential scans.
    ///
    /// ```swift
    /// let counts = try relation.parallelScan(workers: 4) { pages in
    ///     var count = 0
    ///     while let page = try pages.next() { count += page.withView { $0.linePointerCount } }
    ///     return count
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - workers: how many threads; each takes one of `EngineOptions/maximumSessions`.
    ///   - extent: which pages; nil for those of this moment.
    ///   - body: uses one worker's pages, on its thread.
    /// - Returns: what the workers returned, in no order.
    /// - Throws: the first error of a worker; the others then find no more stretches. `misuse` if
    ///   there are no workers; `resourcesExhausted` if sessions are lacking; `closed`.
    public func parallelScan<Value: Sendable>(
        workers: Int, extent: RelationExtent? = nil,
        _ body: @escaping @Sendable (inout ReadStream<SharedBlockRange.Part>) throws -> Value
    ) throws -> [Value] {
        let blocks = try shared(workers, extent)
        let outcomes = Lock<[Result<Value, any Error>]>([], rank: .parallelScan)
        OSThread.together(workers) {
            let outcome = Result { try self.use(blocks, body) }
            if case .failure = outcome { blocks.stop() }
            outcomes.withLock { $0.append(outcome) }
        }
        let all = outcomes.withLock { $0 }
        // The first failure, before values of workers that had ended by then.
        return try all.map { try $0.get() }
    }

    /// Reads all pages by several tasks, each page in one of them, like
    /// ``parallelScan(workers:extent:_:)``.
    ///
    /// - Parameters:
    ///   - workers: how many tasks.
    ///   - session: the session that reads for all of them.
    ///   - extent: which pages; nil for those of this moment.
    ///   - body: uses one worker's pages.
    /// - Returns: what the workers returned, in no order.
    /// - Throws: the first error of a worker; the others are cancelled. `misuse` if there are no
    ///   workers or the session is another engine's; `CancellationError`.
    nonisolated(nonsending) public func parallelScan<Value: Sendable>(
        workers: Int, session: AsyncSession, extent: RelationExtent? = nil,
        _ body:
            @escaping @Sendable (inout AsyncPageStream<SharedBlockRange.Part>) async throws -> Value
    ) async throws -> [Value] {
        try check(session)
        let blocks = try shared(workers, extent)
        return try await withThrowingTaskGroup(of: Value.self) { group in
            for _ in 0..<workers {
                group.addTask {
                    var stream = self.stream(
                        blocks.part(), session: session,
                        options: .scan(of: blocks.blocks.count, in: self.engine.buffers))
                    return try await body(&stream)
                }
            }
            var values: [Value] = []
            for try await value in group { values.append(value) }
            return values
        }
    }

    /// What one thread does.
    private func use<Value>(
        _ blocks: SharedBlockRange,
        _ body: (inout ReadStream<SharedBlockRange.Part>) throws -> Value
    ) throws -> Value {
        let session = try engine.makeSession()
        defer { session.close() }
        var stream = stream(
            blocks.part(), session: session,
            options: .scan(of: blocks.blocks.count, in: engine.buffers))
        let outcome = Result { try body(&stream) }
        stream.end()
        return try outcome.get()
    }

    private func shared(_ workers: Int, _ extent: RelationExtent?) throws(StorageError)
        -> SharedBlockRange
    {
        guard workers >= 1 else {
            throw StorageError(
                .misuse, "a scan of relation \"\(name)\" by \(workers) workers",
                remedy: "Ask for at least one worker.", at: StorageError.Location(relation: name))
        }
        return SharedBlockRange(0..<(extent ?? self.extent).blockCount)
    }
}
