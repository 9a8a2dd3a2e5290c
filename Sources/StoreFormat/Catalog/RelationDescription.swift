public import PageFormat
public import RowSchema
public import StorageManager

/// What the catalog records of a relation. A value of one moment: it does not follow changes.
public struct RelationDescription: Sendable, Hashable {
    /// The name.
    public package(set) var name: String
    /// Where its files are.
    public let locator: RelationLocator
    /// The columns of its rows; nil if its pages do not hold rows.
    public let schema: Schema?
    /// The name of its storage manager, such as `magnetic`.
    public let managerName: String
    /// What its pages look like.
    public let pageKind: PageKind
    /// How many blocks its main fork has, as readers see it.
    public package(set) var blockCount: UInt32
    /// How many blocks each further fork had at the last commit or checkpoint.
    public package(set) var furtherForks: [Fork: UInt32]
    /// How many rows its loads added. Nil if that is unknown, or once a page changed by other means
    /// has been written.
    public package(set) var rowCount: UInt64?
    /// Whether it has exactly that many rows and no page of zeroes. If false, an older version of
    /// Strata has counted, and the relation may have more rows.
    public package(set) var isRowCountExact: Bool
    /// Whether it has values out of line, or holds those of another relation.
    public package(set) var toast: ToastRole
    /// How many times an append has put a fuller version in the place of its last page. The journal
    /// numbers these versions alike, so that recovery knows which of them count.
    package var fillCount: UInt32

    package init(
        name: String, locator: RelationLocator, schema: Schema?, managerName: String,
        pageKind: PageKind = .postgres, blockCount: UInt32 = 0, furtherForks: [Fork: UInt32] = [:],
        rowCount: UInt64? = nil,
        isRowCountExact: Bool = true, toast: ToastRole = .none, fillCount: UInt32 = 0
    ) {
        self.name = name
        self.locator = locator
        self.schema = schema
        self.managerName = managerName
        self.pageKind = pageKind
        self.blockCount = blockCount
        self.furtherForks = furtherForks
        // The catalog cannot represent the greatest number.
        let known = rowCount == Catalog.unknownRowCount ? nil : rowCount
        self.rowCount = known
        self.isRowCountExact = known != nil && isRowCountExact
        self.toast = toast
        self.fillCount = fillCount
    }

    /// Adds rows from a load; nil if their number is unknown.
    package mutating func addRows(_ count: UInt64?) {
        guard let old = rowCount, let count, count < .max, old <= .max - 1 - count else {
            return forgetRowCount()
        }
        rowCount = old + count
    }

    /// Records that pages were changed by other means than loads.
    package mutating func forgetRowCount() {
        rowCount = nil
        isRowCountExact = false
    }

    /// The relation's forks, main first.
    public var forks: [Fork] { Fork.allCases.filter { $0 == .main || furtherForks[$0] != nil } }

    /// How many blocks a fork had at the last commit or checkpoint; nil if it does not exist.
    public func blockCount(of fork: Fork) -> UInt32? {
        fork == .main ? blockCount : furtherForks[fork]
    }
}

/// How a relation takes part in storing values out of line, in PostgreSQL's TOAST form.
public enum ToastRole: Sendable, Hashable {
    /// It does not.
    case none
    /// Values of its rows are in the toast relation of that name. Its rows' pointers have `number`,
    /// by which PostgreSQL finds the toast relation.
    case values(in: String, number: UInt32)
    /// It is the toast relation of the relation of that name: its rows are chunks of values.
    case owner(String)

    /// The name of the other relation; nil if there is none.
    public var partner: String? {
        switch self {
        case .none: nil
        case .values(let name, _), .owner(let name): name
        }
    }
}

extension RelationDescription {
    /// The relation whose values this one holds; nil if it is no toast relation.
    public var toastOwner: String? {
        if case .owner(let name) = toast { name } else { nil }
    }

    /// The relation that holds the values that its rows have out of line; nil if there is none.
    public var toastRelation: String? { toast.toastRelation }
}

extension ToastRole {
    /// The relation that holds the values; nil if the relation has none out of line.
    package var toastRelation: String? {
        if case .values(let name, _) = self { name } else { nil }
    }
}
