/// What the catalog knows of a relation. A value of one moment: it does not follow changes.
public struct RelationDescription: Sendable, Hashable {
    /// The name.
    public let name: String
    /// Where its files are.
    public let locator: RelationLocator
    /// The columns of its rows; nil for a relation of pages that are nobody's rows.
    public let schema: Schema?
    /// The name of its storage manager, such as `magnetic`.
    public let managerName: String
    /// How many blocks its main fork has, as readers see it.
    public internal(set) var blockCount: UInt32
    /// How many blocks each further fork had at the last commit or checkpoint.
    public internal(set) var furtherForks: [Fork: UInt32]
    /// How many rows its loads brought in; nil where that is not known.
    public internal(set) var rowCount: UInt64?

    init(
        name: String, locator: RelationLocator, schema: Schema?, managerName: String,
        blockCount: UInt32 = 0, furtherForks: [Fork: UInt32] = [:], rowCount: UInt64? = nil
    ) {
        self.name = name
        self.locator = locator
        self.schema = schema
        self.managerName = managerName
        self.blockCount = blockCount
        self.furtherForks = furtherForks
        self.rowCount = rowCount
    }

    /// The forks that it has, main first.
    public var forks: [Fork] { Fork.allCases.filter { $0 == .main || furtherForks[$0] != nil } }

    /// How many blocks a fork had at the last commit or checkpoint; nil for one it does not have.
    public func blockCount(of fork: Fork) -> UInt32? {
        fork == .main ? blockCount : furtherForks[fork]
    }
}
