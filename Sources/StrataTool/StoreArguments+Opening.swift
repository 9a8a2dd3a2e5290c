internal import Logging
internal import Strata

extension StoreArguments {
    /// Opens the store, runs `body`, and closes the store in any case.
    ///
    /// - Throws: what opening or `body` throws; else what closing throws.
    func withStore(
        creating: Bool, access: EngineOptions.Access = .readWrite,
        logLevel: Logger.Level = .notice, _ body: (Engine) throws -> Void
    ) throws {
        let engine = try open(creating: creating, access: access, logLevel: logLevel)
        do {
            try body(engine)
        } catch {
            // The first error is the one to be told.
            try? engine.close()
            throw error
        }
        try engine.close()
    }
}
