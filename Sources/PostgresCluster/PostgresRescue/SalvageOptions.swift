/// What to salvage of a table.
public struct SalvageOptions: Sendable, Hashable {
    /// Whether to include row versions that a new transaction does not see.
    public var includesDead = false
    /// Whether to omit rows of partitions and inheriting tables.
    public var onlyOwnRows = false

    /// Makes options for all rows that a new transaction sees.
    public init() {}
}

/// What a salvage reports while it runs. Called on its thread.
public struct SalvageObserver {
    /// Something was lost, or is not trusted.
    public var finding: (SalvageFinding) -> Void = { _ in }
    /// Something that users should know, in a sentence.
    public var note: (String) -> Void = { _ in }
    /// How many bytes of an image were read so far.
    public var progress: (UInt64) -> Void = { _ in }

    /// Makes an observer that ignores everything.
    public init() {}
}
