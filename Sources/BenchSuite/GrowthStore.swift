internal import AsyncIO
internal import Logging
internal import RelationLoader
internal import Strata

/// A store of its own for case `growth`.
struct GrowthStore {
    let path: String
    let method: IOMethodChoice
    let logger: Logger
    let cancellation: Cancellation

    static let schema = LoadShape.narrow.schema

    init(_ name: String, _ plan: BenchPlan, _ method: IOMethodChoice) {
        path = "\(plan.directory)/growth-\(name)"
        self.method = method
        logger = plan.data.logger
        cancellation = plan.cancellation
    }

    func open(poolBytes: Int = 128 << 20, sessions: Int = 4) throws(StorageError) -> Engine {
        var options = EngineOptions()
        options.ioMethod = method
        options.poolBytes = poolBytes
        options.maximumSessions = sessions
        options.logger = logger
        // Measure only the work of the cases.
        options.backgroundWriter = nil
        options.automaticCheckpoints = nil
        return try Engine.open(path, options: options)
    }

    /// Opens the store, runs `body`, and closes the store.
    func with<Result>(
        poolBytes: Int = 128 << 20, _ body: (Engine, Session) throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        let engine = try open(poolBytes: poolBytes)
        let result: Result
        do throws(StorageError) {
            let session = try engine.makeSession()
            defer { session.close() }
            result = try body(engine, session)
        } catch {
            // Report the first error.
            try? engine.close()
            throw error
        }
        try engine.close()
        return result
    }

    /// Makes relations of a page each, many in one durable step.
    func add(_ names: [String], to engine: Engine, _ session: Session) throws(StorageError) {
        var rest = names[...]
        while !rest.isEmpty, !cancellation.isCancelled {
            let targets = rest.prefix(Self.relationsAtATime).map {
                LoadTarget(relation: $0, schema: Self.schema)
            }
            let loads = try engine.beginLoads(targets, session: session)
            for load in loads { try Self.fill(load) }
            try engine.commit(loads)
            rest = rest.dropFirst(Self.relationsAtATime)
        }
    }

    /// Adds one page of rows.
    static func fill(_ load: PendingLoad) throws(StorageError) {
        var rows = SoakRows(schema)
        try rows.fill(load.nextPage())
    }

    private static let relationsAtATime = 500

    /// Names of that many relations.
    static func names(_ count: Int) -> [String] { (0..<count).map { "relation \($0)" } }
}
