/// What opening a store found and did to make it whole.
///
/// Without actions after the store was closed, and for a new one, unless there are files that no
/// relation has, or relations that cannot be used.
public struct RecoveryReport: Sendable, Hashable {
    /// Something that was done.
    public enum Action: Sendable, Hashable {
        /// Pages were restored from the journal, as far as they were not in place.
        case replayedJournal(JournalReport)
        /// The files of an unfinished load, or of a relation that was dropped, were removed.
        case removedFiles(RelationLocator)
        /// Blocks that an unfinished load had appended were cut off.
        case truncated(relation: String, from: UInt32, to: UInt32)
        /// A relation of a storage manager that keeps nothing was dropped: it ended with the
        /// engine.
        case ended(relation: String, manager: String)
        /// A file that an unfinished change had left was removed.
        case removedFile(path: String)
        /// A file was left alone that no relation has and that is not known to be what an
        /// unfinished change has left. Opening the store leaves it alone however often that is
        /// done; ``Engine/removeOrphans(session:)`` removes it.
        case leftAlone(path: String)
        /// A relation cannot be used while the store is open, as its files cannot be made whole; it
        /// can be dropped and replaced.
        case refused(relation: String, reason: String)
        /// What an unfinished change has left could not be undone, which is tried again when the
        /// store is opened next.
        case notUndone(RelationLocator, reason: String)
    }

    /// What was done, in order.
    public internal(set) var actions: [Action] = []
    /// Whether the store was created.
    public internal(set) var isNewStore = false
    /// Whether the store was new, or was closed by the engine that had it last. Only if it was not
    /// may the kernel's cache hold what a power cut would take away.
    public internal(set) var endedCleanly = false
    /// How many files were made durable as the store was not closed; none after a clean end, and
    /// none by an engine that only looks.
    public internal(set) var syncedFiles = 0

    /// Whether one of the actions changed the store, or would have if it had been opened for
    /// writing.
    public var changesStore: Bool {
        actions.contains { action in
            switch action {
            case .replayedJournal(let journal): journal.pages > journal.kept
            case .removedFiles, .truncated, .ended, .removedFile: true
            case .leftAlone, .refused, .notUndone: false
            }
        }
    }

    /// Nothing done.
    public init() {}
}

extension RecoveryReport.Action: CustomStringConvertible {
    /// A sentence without a full stop.
    public var description: String {
        switch self {
        case .replayedJournal(let journal):
            journal.description
        case .removedFiles(let locator):
            "removed the files of relation \(locator), which an unfinished load or drop had left"
        case .truncated(let relation, let from, let to):
            "cut relation \"\(relation)\" from \(from) blocks to \(to), as it was before an"
                + " unfinished load"
        case .ended(let relation, let manager):
            "dropped relation \"\(relation)\", which storage manager \"\(manager)\" kept only while"
                + " the store was open"
        case .removedFile(let path):
            "removed file \"\(path)\", which an unfinished change had left"
        case .leftAlone(let path):
            "left \"\(path)\" alone, which no relation of this store has"
        case .refused(let relation, let reason):
            "relation \"\(relation)\" cannot be used: \(reason)"
        case .notUndone(let locator, let reason):
            "could not undo what an unfinished change has left of relation \(locator): \(reason)"
        }
    }
}
