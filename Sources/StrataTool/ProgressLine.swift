internal import RelationLoader

/// The line on a terminal that tells how far a load has come.
final class ProgressLine {
    private var isShown = false
    private let output = ToolEnvironment.current.standardError

    /// Whether somebody watches.
    var isWatched: Bool { output.isTerminal }

    func show(_ progress: LoadProgress) {
        isShown = true
        output.replaceLine(Wording.line(of: progress))
    }

    /// Takes the line away.
    func clear() {
        if isShown { output.replaceLine("") }
        isShown = false
    }
}
