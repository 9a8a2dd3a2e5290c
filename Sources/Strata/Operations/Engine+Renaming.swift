internal import Threads

/// Giving relations other names.
extension Engine {
    /// Gives a relation another name, durably. After a crash it has the old name or the new one.
    ///
    /// Only the catalog changes: files, contents and row count stay, and ``Relation`` objects go on
    /// and tell the new name. A toast relation stays with its owner and keeps its own name. Mirrors
    /// PostgreSQL's `RenameRelation`.
    ///
    /// - Throws: `invalidName`; `notFound`; `alreadyExists` if a relation has the new name, even
    ///   this one; `misuse` for a toast relation; `relationBusy` if either name is being loaded,
    ///   dropped, renamed or shortened; what writing throws.
    public func renameRelation(_ name: String, to new: String, session: Session)
        throws(StorageError)
    {
        try RelationName.check(new)
        try checkUsable(session)
        try checkIsNoToast(name)
        try reserve(name)
        defer { unreserve(name) }
        if new != name { try reserve(new) }
        defer { if new != name { unreserve(new) } }
        try changeCatalog(session) { [self] (catalog) throws(StorageError) in
            guard let relation = catalog.relations[name] else { throw notFound(name) }
            if catalog.relations[new] != nil { throw .exists(new) }
            // Only now nothing else can have given the name to a toast relation.
            if let owner = relation.toastOwner { throw .holdsValues(name, of: owner) }
            catalog.rename(relation, to: new)
        } publish: { state in
            state.catalog.relations[new].map { state.records[$0.locator]?.name = new }
        }
    }
}
