/// A checkpoint that its owner makes step by step, in between other work on the same thread.
///
/// Where all must be repeatable, as in a simulation, this takes the place of
/// ``Engine/checkpoint(_:pace:)``, which it does otherwise equal. Until it has been stepped to its
/// end, or dropped, no other checkpoint begins; asking for one on the same thread throws `misuse`.
/// Dropped, it leaves all as a failed one does: what was written is written, and nothing is
/// promised. Belongs to its session's thread; the session may be used between two steps.
public final class SteppedCheckpoint {
    private let run: CheckpointRun

    init(_ run: CheckpointRun) { self.run = run }

    /// Which part of the pages it has come past, from 0 to 1.
    public var progress: Double { run.progress }

    /// Whether all that was changed before it began is durable.
    public var isDone: Bool { run.phase == .done }

    /// Starts writing the next pages; when there are none left waits for them, then syncs, then
    /// publishes, an act a step.
    ///
    /// - Parameter pages: how many of the pages to come past, at least one.
    /// - Returns: whether there is more to do.
    /// - Throws: as ``Engine/checkpoint(_:pace:)``; it is over then.
    @discardableResult
    public func step(pages: Int = 64) throws(StorageError) -> Bool {
        // Whoever makes room in the journal in between waits for all of its batches.
        defer { run.letGo() }
        return try run.step(pages: pages)
    }
}
