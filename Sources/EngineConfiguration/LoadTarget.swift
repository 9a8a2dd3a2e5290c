public import PageFormat
public import RowSchema

/// The target and mode of a load.
public struct LoadTarget: Sendable {
    /// What happens to an existing relation.
    public enum Mode: Sendable, Hashable {
        /// The relation must be new.
        case create
        /// The pages are added after the existing ones.
        case append
        /// The pages replace the existing ones, if the relation exists.
        case replace
    }

    /// The relation's name.
    public var relation: String
    /// The columns. Nil means those of the relation to append to or replace; a new relation then
    /// has none.
    public var schema: Schema?
    /// What happens to an existing relation.
    public var mode: Mode
    /// The storage manager of a new relation. Nil means that of the replaced relation, or
    /// `EngineOptions/defaultManagerName`.
    public var managerName: String?

    /// What a new relation's pages look like. Nil means as those of the replaced relation, or
    /// `postgres`, which is the only kind for relations with columns.
    public var pageKind: PageKind?

    /// Options by name for the storage manager of a new relation. Options not given are those of
    /// the replaced relation, if the same storage manager keeps it.
    public var managerOptions: [String: String]

    /// Describes a load.
    public init(
        relation: String, schema: Schema? = nil, mode: Mode = .create, managerName: String? = nil,
        managerOptions: [String: String] = [:], pageKind: PageKind? = nil
    ) {
        self.relation = relation
        self.schema = schema
        self.mode = mode
        self.managerName = managerName
        self.managerOptions = managerOptions
        self.pageKind = pageKind
    }
}
