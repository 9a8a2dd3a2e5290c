internal import RelationLoader

/// The line on a terminal that tells how far a load has come.
final class ProgressLine {
    private var isShown = false

    func show(_ progress: LoadProgress) {
        isShown = true
        StandardError.replaceLine(Wording.line(of: progress))
    }

    /// Takes the line away.
    func clear() {
        if isShown { StandardError.replaceLine("") }
        isShown = false
    }
}
