internal import RelationLoader

/// The line on a terminal that shows a load's progress.
final class ProgressLine {
    private var isShown = false
    private let output = ToolEnvironment.current.standardError

    /// Whether the output is a terminal.
    var isWatched: Bool { output.isTerminal }

    func show(_ progress: LoadProgress) {
        isShown = true
        output.replaceLine(Wording.line(of: progress))
    }

    /// Removes the line.
    func clear() {
        if isShown { output.replaceLine("") }
        isShown = false
    }
}
