/// What opening a store found and did to make it whole.
///
/// Empty after the store was closed, and for a new one.
public struct RecoveryReport: Sendable, Hashable {
    /// Something that was done.
    public enum Action: Sendable, Hashable {
        /// The files of an unfinished load, or of a relation that was dropped, were removed.
        case removedFiles(RelationLocator)
        /// Blocks that an unfinished load had appended were cut off.
        case truncated(relation: String, from: UInt32, to: UInt32)
        /// A relation of a storage manager that keeps nothing was dropped: it ended with the engine.
        case ended(relation: String, manager: String)
        /// A file that belongs to nothing was removed.
        case removedFile(path: String)
        /// A file was left alone that is no relation's and that this store did not create.
        case leftAlone(path: String)
    }

    /// What was done, in order.
    public internal(set) var actions: [Action] = []
    /// Whether the store was created.
    public internal(set) var isNewStore = false

    /// Nothing done.
    public init() {}
}

extension RecoveryReport.Action: CustomStringConvertible {
    /// A sentence without a full stop.
    public var description: String {
        switch self {
        case .removedFiles(let locator):
            "removed the files of relation \(locator), which an unfinished load or drop had left"
        case .truncated(let relation, let from, let to):
            "cut relation \"\(relation)\" from \(from) blocks to \(to), as it was before an"
                + " unfinished load"
        case .ended(let relation, let manager):
            "dropped relation \"\(relation)\", which storage manager \"\(manager)\" kept only while"
                + " the store was open"
        case .removedFile(let path):
            "removed file \"\(path)\", which belongs to no relation"
        case .leftAlone(let path):
            "left file \"\(path)\" alone, which this store did not create"
        }
    }
}
