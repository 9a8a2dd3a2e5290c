/// Executes every IO on the submitting thread. Mirrors PostgreSQL's `method_sync.c`.
final class SynchronousMethod: IOMethod {
    var name: String { "sync" }
    var executesInSubmitter: Bool { true }

    func needsSynchronousExecution(_ io: StagedIO) -> Bool { true }

    func submit(_ ios: Span<StagedIO>, session: Int) {
        preconditionFailure("the synchronous method has no IO submitted to it")
    }
}
