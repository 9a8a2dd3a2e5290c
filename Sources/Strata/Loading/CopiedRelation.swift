internal import BufferManager
internal import Journaling
internal import StorageManager
internal import Threads

/// What a copy takes of a relation, and of its toast relation, at one moment, whatever appends
/// commit while the pages are copied.
struct CopiedRelation {
    let pages: CopiedPages
    /// How the relation has values out of line.
    let role: ToastRole
    /// The pages of its toast relation; nil if it has none.
    let values: CopiedPages?

    /// Looks until nothing was committed meanwhile.
    ///
    /// - Throws: `notFound` if the relation was dropped or replaced; what opening the toast
    ///   relation throws.
    init(_ source: Relation, _ session: Session) throws(StorageError) {
        while true {
            let engine = source.engine
            guard let role = engine.description(at: source.locator)?.toast else {
                throw engine.notFound(source.name)
            }
            let toast = role.toastRelation == nil ? nil : try source.toast()
            let before = [source, toast].compactMap { $0 }.map { $0.moment }
            let pages = try CopiedPages(source, session)
            var values: CopiedPages?
            if let toast { values = try CopiedPages(toast, session) }
            let now = engine.description(at: source.locator)?.toast
            let after = [source, toast].compactMap { $0 }.map { $0.moment }
            guard before == after, now == role else { continue }
            (self.pages, self.role, self.values) = (pages, role, values)
            return
        }
    }
}

/// What a copy takes of one relation's main fork.
struct CopiedPages {
    let relation: Relation
    let extent: RelationExtent
    /// The last page, if appends may fill it up meanwhile. A damaged one is met when it is copied.
    let last: PageReplacement?

    init(_ relation: Relation, _ session: Session) throws(StorageError) {
        self.relation = relation
        extent = relation.extent
        last = try PageReplacement.ofLast(
            of: extent.blockCount, relation.open, in: relation.engine.buffers, session: session)
    }
}

extension Relation {
    /// What differs after every append.
    fileprivate var moment: [UInt64] {
        let fills = engine.state.withLock { $0.description(at: locator)?.fillCount } ?? 0
        return [UInt64(blockCount), UInt64(fills)]
    }
}
