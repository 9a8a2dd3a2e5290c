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

    /// Tells of a store that was not closed what recovering it will do, for commands that only
    /// look.
    static func sayWhatRecoveryWillDo(_ engine: Engine) {
        guard engine.needsRecovery else { return }
        printMessage(
            "strata: the store was not closed and needs recovery, which commands that change it do;"
                + " it is shown as it will be once that has reported:")
        for action in engine.recovery.actions { printMessage("strata: \(action)") }
    }
}
