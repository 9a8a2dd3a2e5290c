/// What a load is to bring about.
public struct LoadTarget: Sendable {
    /// What is to become of a relation that exists.
    public enum Mode: Sendable, Hashable {
        /// The relation is new.
        case create
        /// The pages are added behind those that it has.
        case append
        /// The pages take the place of those that it has, if there is such a relation.
        case replace
    }

    /// The relation's name.
    public var relation: String
    /// The columns. Nil takes those of the relation that is appended to or replaced; a new relation
    /// then has none.
    public var schema: Schema?
    /// What is to become of a relation that exists.
    public var mode: Mode
    /// The storage manager of a new relation. Nil takes that of the relation that is replaced, or
    /// ``Engine/defaultManagerName``.
    public var managerName: String?

    /// How that storage manager shall keep a new relation, in its own terms: values by name. What
    /// is not said is as with the relation that is replaced, if that storage manager keeps it.
    public var managerOptions: [String: String]

    /// Describes a load.
    public init(
        relation: String, schema: Schema? = nil, mode: Mode = .create, managerName: String? = nil,
        managerOptions: [String: String] = [:]
    ) {
        self.relation = relation
        self.schema = schema
        self.mode = mode
        self.managerName = managerName
        self.managerOptions = managerOptions
    }
}
