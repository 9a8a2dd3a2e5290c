public import PostgresCluster

/// What a script of a database contains.
public struct DumpOptions: Sendable {
    /// The tables, with their partitions, and what they need; nil for all of the database.
    public var tables: [TableName]?
    /// Whether to include rows and the values of sequences.
    public var includesRows = true
    /// How many threads produce text; nil for one per core.
    public var threads: Int?

    /// Makes options for a whole database.
    public init() {}
}

/// Something that a script does not say.
public struct DumpOmission: Sendable, Hashable, CustomStringConvertible {
    /// The object, such as `view public.recent`.
    public let object: String
    /// Why, or what the script says instead.
    public let reason: String
    /// Whether rows of a table are missing from the script.
    public let losesRows: Bool

    /// The object and the reason.
    public var description: String { "\(object): \(reason)" }
}

/// What a script contains.
public struct DumpSummary: Sendable {
    /// How many tables it makes.
    public internal(set) var tableCount = 0
    /// How many rows it has.
    public internal(set) var rowCount = 0
    /// What it does not say.
    public internal(set) var omissions: [DumpOmission] = []

    /// Whether rows of a table are missing.
    public var losesRows: Bool { omissions.contains(where: \.losesRows) }
}
