public import StorageManager
internal import StoreFormat

/// What opening a store found and did.
///
/// It has no actions if the store is new or was closed, unless there are files of no relation, or
/// unusable relations.
public struct RecoveryReport: Sendable, Hashable {
    /// One step.
    public enum Action: Sendable, Hashable {
        /// Pages that were not in place were restored from the journal.
        case replayedJournal(JournalReport)
        /// The files of an unfinished load, or of a relation that was dropped, were removed.
        case removedFiles(RelationLocator)
        /// Blocks that an unfinished load or cut had left were cut off.
        case truncated(relation: String, from: UInt32, to: UInt32)
        /// A relation of a storage manager that keeps nothing was dropped: it ended with the
        /// engine.
        case ended(relation: String, manager: String)
        /// A file that an unfinished change had left was removed.
        case removedFile(path: String)
        /// A file was left alone that belongs neither to a relation nor, as far as known, to an
        /// unfinished change. Opening the store never removes it;
        /// `Engine/removeOrphans(session:observer:)` does.
        case leftAlone(path: String)
        /// A relation cannot be used while the store is open, because its files cannot be repaired.
        /// It can be dropped and replaced.
        case refused(relation: String, reason: String)
        /// What an unfinished change has left could not be undone. The next opening tries again.
        case notUndone(RelationLocator, reason: String)
        /// The catalog is older than the store's newest known one, whose generation is the second
        /// number. What has been committed since is kept, as far as it is there, but
        /// not part of any relation.
        case olderCatalog(generation: UInt64, newest: UInt64)
        /// A relation may have blocks from this one on that a later catalog counted. It cannot grow
        /// until `Engine/acceptCatalog(session:)` gives them up, or it is dropped or replaced.
        case keptBlocks(relation: String, from: UInt32)
        /// A read-only engine could not read the copies of pages in a file of the journal. Pages
        /// may be torn or outdated. The store cannot be opened for writing.
        case unusableJournal(path: String, reason: String)
    }

    /// The steps, in order.
    public package(set) var actions: [Action] = []
    /// Whether the store was created.
    public package(set) var isNewStore = false
    /// Whether the store was new, or was closed by the last engine. Only otherwise may the kernel's
    /// cache hold what a power cut would remove.
    public package(set) var endedCleanly = false
    /// How many files were made durable because the store was not closed. Zero after a clean
    /// shutdown, and for a read-only engine.
    public package(set) var syncedFiles = 0

    /// Whether one of the actions changed the store, or would have if it had been opened for
    /// writing.
    public var changesStore: Bool {
        actions.contains { action in
            switch action {
            case .replayedJournal(let journal): journal.pages > journal.kept
            case .removedFiles, .truncated, .ended, .removedFile: true
            case .leftAlone, .refused, .notUndone, .olderCatalog, .keptBlocks, .unusableJournal:
                false
            }
        }
    }

    /// Makes an empty report.
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
            "cut relation \"\(relation)\" from \(from) blocks to \(to): an unfinished load or cut"
                + " had left the rest"
        case .ended(let relation, let manager):
            "dropped relation \"\(relation)\", which storage manager \"\(manager)\" kept only while"
                + " the store was open"
        case .removedFile(let path):
            "removed file \"\(path)\", which an unfinished change had left"
        case .leftAlone(StoreMark.fileName):
            "left \"\(StoreMark.fileName)\" alone, which is not this store's mark"
        case .leftAlone(let path):
            "left \"\(path)\" alone, which no relation of this store has"
        case .refused(let relation, let reason):
            "relation \"\(relation)\" cannot be used: \(reason)"
        case .notUndone(let locator, let reason):
            "could not undo what an unfinished change has left of relation \(locator): \(reason)"
        case .olderCatalog(let generation, let later):
            "the catalog is older than the store: it has generation \(generation), and the store"
                + " had \(later); put the later one back, unless what it had is to be given up"
        case .keptBlocks(let relation, let first):
            "relation \"\(relation)\" may have more than \(first) blocks, which this catalog, older"
                + " than the store, does not know: they are kept, and it cannot grow"
        case .unusableJournal(_, let reason):
            "left copies of pages out, so that pages may be torn or outdated: \(reason)"
        }
    }
}
