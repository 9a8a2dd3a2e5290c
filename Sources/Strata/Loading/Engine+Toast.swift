internal import Threads

/// Values that are stored out of line, in the toast relation of a relation.
///
/// A toast relation is a relation of its own, with the owner's storage manager and options. It is
/// loaded, dropped, replaced and copied together with its owner, in the same durable steps, and in
/// no other way. Its rows are PostgreSQL's: `chunk_id`, `chunk_seq`, `chunk_data`.
extension PendingLoad {
    /// Begins loading the toast relation, which is committed and aborted together with this load:
    /// the one that the relation has, or a new one. Calling it again returns the same load.
    ///
    /// Rows of the toast relation must be in the order of their values' numbers, which ascend, and
    /// of their chunks. The owner's tuples then hold pointers to them.
    ///
    /// - Parameter number: the number of the toast relation in pointers, for PostgreSQL; nil for
    ///   that of the rows before, or else for the number of the new relation's files.
    /// - Throws: `closed`; `misuse` if the rows before have pointers with another number, or if
    ///   this is a load of a toast relation; what ``Engine/beginLoad(_:session:)`` throws.
    public func beginToast(number: UInt32? = nil) throws(StorageError) -> PendingLoad {
        try checkOpen()
        try checkIsNoToast()
        if let toastLoad { return toastLoad }
        try checkHoldsRows()
        let begun = try engine.startToast(of: self, number)
        toastRole = begun.role
        toastLoad = begun.load
        return begun.load
    }

    /// The number of the toast relation in pointers; nil before ``beginToast(number:)``.
    public var toastNumber: UInt32? {
        if case .values(_, let number) = toastRole { number } else { nil }
    }

    /// Passes the load of the toast relation to a load of the same relation with other columns,
    /// whose rows keep the pointers of this one's.
    public func passToast(to other: PendingLoad) {
        insist(
            other.target.relation == target.relation && other.toastLoad == nil,
            "The other load is of the same relation, and has no values out of line.")
        (other.toastLoad, other.toastRole) = (toastLoad, toastRole)
        (toastLoad, toastRole) = (nil, .none)
    }

    /// A page that this load has added: the first is 0.
    ///
    /// - Throws: `closed` after the load has ended; `notFound` if there is no such page; what
    ///   reading throws.
    public func page(_ index: Int) throws(StorageError) -> PinnedPage {
        try checkOpen()
        guard index >= 0, index < pageCount else {
            throw StorageError(
                .notFound, "the load of relation \"\(target.relation)\" has no page \(index)",
                at: record.open.location(.main))
        }
        return try engine.buffers.page(
            BlockNumber(firstBlock + UInt32(index)), of: record.open, session: session)
    }

    func checkIsNoToast() throws(StorageError) {
        guard case .owner(let name) = toastRole else { return }
        throw StorageError(
            .misuse,
            "relation \"\(target.relation)\" holds values of relation \"\(name)\"",
            remedy: "Commit the load of \"\(name)\", which commits this one too.",
            at: StorageError.Location(relation: target.relation))
    }
}

extension Engine {
    /// Throws `misuse` if a relation is the toast relation of another.
    func checkIsNoToast(_ name: String) throws(StorageError) {
        guard let owner = state.withLock({ $0.catalog.relations[name]?.toastOwner }) else { return }
        throw .holdsValues(name, of: owner)
    }

    fileprivate func startToast(
        of load: PendingLoad, _ number: UInt32?
    ) throws(StorageError) -> (load: PendingLoad, role: ToastRole) {
        let locator = load.record.open.locator
        let owner = load.target.relation
        var target = LoadTarget(relation: "", schema: Self.toastSchema)
        var role = description(at: locator)?.toast ?? .none
        if case .values(let name, let old) = role {
            guard number ?? old == old else {
                throw StorageError(
                    .misuse,
                    "the rows of relation \"\(owner)\" have pointers to toast relation \(old), not"
                        + " \(number ?? 0)",
                    remedy: "Append with that number, or replace the relation.",
                    at: StorageError.Location(relation: owner))
            }
            (target.relation, target.mode) = (name, .append)
        } else {
            target.relation = freeToastName(locator)
            target.managerName = load.managerName
            target.managerOptions =
                try managers.manager(named: load.managerName)?.manager.options(of: locator) ?? [:]
            role = .values(in: target.relation, number: number ?? locator.number)
        }
        let toast = try startLoads([target], ofToast: true, session: load.session)[0]
        toast.toastRole = .owner(owner)
        return (toast, role)
    }

    /// PostgreSQL's name of a toast relation, or one like it that no relation has.
    private func freeToastName(_ locator: RelationLocator) -> String {
        let name = "pg_toast_\(locator.number)"
        return state.withLock { state in
            var (free, further) = (name, 0)
            while state.catalog.relations[free] != nil || state.reserved.contains(free) {
                further += 1
                free = "\(name)_\(further)"
            }
            return free
        }
    }

    /// The columns of a toast relation. `chunk_id` is an `oid` in PostgreSQL, which has the same
    /// bytes.
    private static let toastSchema = try? Schema([
        Column(name: "chunk_id", type: .integer, isNullable: false),
        Column(name: "chunk_seq", type: .integer, isNullable: false),
        Column(name: "chunk_data", type: .bytea, isNullable: false),
    ])
}

extension Relation {
    /// The toast relation; nil if there is none. It stays readable as long as this object.
    ///
    /// - Throws: what ``Engine/relation(named:)`` throws for it; `notFound` if this relation was
    ///   dropped or replaced before its toast relation was asked for.
    public func toast() throws(StorageError) -> Relation? { try toast(checkingLength: true) }

    package func toast(checkingLength: Bool) throws(StorageError) -> Relation? {
        if let held = heldToast.withLock({ $0 }) { return held }
        guard let name = engine.description(at: locator)?.toastRelation else {
            return nil
        }
        let found =
            checkingLength
            ? try engine.relation(named: name)
            : try engine.relationOfAnyLength(named: name)
        heldToast.withLock { $0 = $0 ?? found }
        return found
    }
}

extension StorageError {
    static func holdsValues(_ name: String, of owner: String) -> StorageError {
        StorageError(
            .misuse, "relation \"\(name)\" holds values of relation \"\(owner)\"",
            remedy: "Load, copy, rename or drop relation \"\(owner)\", which takes this one along.",
            at: Location(relation: name))
    }
}
