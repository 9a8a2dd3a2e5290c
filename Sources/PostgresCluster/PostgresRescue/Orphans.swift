public import AsyncIO
internal import FileAccess
internal import PageFormat
internal import PostgresCatalogs
internal import PostgresReading
internal import PostgresTypes
internal import PostgresVerification
internal import StorageManager

/// A relation's file that no catalog names: its table was dropped, was never committed, or its
/// catalog row is lost.
public struct OrphanFile: Sendable, Hashable {
    /// The first file, below the data directory.
    public let path: String
    /// The number of its database.
    public let database: UInt32
    /// How many pages its main fork has.
    public let pages: UInt64
    /// What its first page looks like: `a table`, `a B-tree index` and so on.
    public let kind: String
    /// Schema and name of the table, from row versions of the catalogs that no transaction sees any
    /// more; nil if there are none.
    public let formerName: String?
    /// The table's columns at that time, as ``RescueSchema/init(parsing:)`` reads them.
    public let formerColumns: String?
}

extension ClusterRescue {
    /// The files that no catalog names: where a database's catalogs cannot be read, all files but
    /// those of the catalogs. Empty files are left out: a server leaves them of dropped relations
    /// until its next checkpoint.
    ///
    /// - Parameter failure: is given each database whose catalogs cannot be read, and why.
    /// - Throws: `resourcesExhausted`, `closed`.
    public func orphans(
        failure: (String, StorageError) -> Void = { _, _ in }
    ) throws(StorageError) -> [OrphanFile] {
        var orphans: [OrphanFile] = []
        let files = try directory.relationFiles().filter { $0.fork == .main && $0.database != 0 }
        for database in Set(files.map(\.database)).sorted() {
            var known: DatabaseCatalog?
            do throws(StorageError) {
                known = try self.database(database).catalog
            } catch {
                if error.code == .resourcesExhausted || error.code == .closed { throw error }
                failure("database \(database)", error)
            }
            let named = Set(known?.relations.values.compactMap { $0.place } ?? [])
            var sizes: [RelationPlace: UInt64] = [:]
            for file in files where file.database == database {
                guard let place = try? place(of: "\(file.folder)/\(file.number)"),
                    !named.contains(place),
                    known != nil || place.number >= Self.firstUserNumber
                else { continue }
                sizes[place, default: 0] += UInt64(max(0, file.bytes)) / UInt64(blockSize)
            }
            for (place, pages) in sizes where pages > 0 {
                orphans.append(orphan(place, pages, known))
            }
        }
        return orphans.sorted { ($0.database, $0.path) < ($1.database, $1.path) }
    }

    /// Files with a smaller number are of relations that initdb made (`FirstNormalObjectId`).
    private static let firstUserNumber: UInt32 = 16384

    private func orphan(
        _ place: RelationPlace, _ pages: UInt64, _ catalog: DatabaseCatalog?
    ) -> OrphanFile {
        let path = directory.path(place)
        let past = catalog?.past(at: place)
        let columns = past?.columns.map { column in
            // A dropped column's type is gone, but its values still have their places.
            let type =
                column.isDropped
                ? "dropped" : catalog?.typeName(column.type, modifier: column.modifier) ?? "?"
            return "\(Identifiers.quoted(column.name)) \(type)"
        }
        return OrphanFile(
            path: path, database: place.database, pages: pages,
            kind: firstPage(path) { PostgresPageKind($0).name } ?? "unknown",
            formerName: past.map {
                "\(catalog?.schemas[$0.relation.schema] ?? "?").\($0.relation.name)"
            },
            formerColumns: columns.flatMap { $0.isEmpty ? nil : $0.joined(separator: ", ") })
    }

    /// Calls `body` with a file's first page that is not all zeroes; nil if there is none among the
    /// first few.
    private func firstPage<Result>(_ path: String, _ body: (PageView) -> Result) -> Result? {
        guard let file = try? directory.files.open(path, .readOnly) else { return nil }
        let memory = PageSlots(slots: 1, pages: 1)
        let page = memory.address(0, 0)
        for block in 0..<Self.firstPages {
            guard let count = try? unsafe file.readFully(into: page.bytes, at: block * 8192),
                count == blockSize
            else { return nil }
            // The memory is this call's own.
            let view = unsafe PageView(unsafePage: UnsafeRawPointer(page.pointer))
            if !view.isNew { return body(view) }
        }
        return nil
    }

    private static let firstPages: Int64 = 16

    /// Targets of the orphans whose rows fit a schema, for tables whose names are lost.
    ///
    /// A file fits if all rows on its first page with rows do, and one of them has all columns.
    ///
    /// - Throws: `resourcesExhausted`, `closed`.
    public func orphans(fitting schema: RescueSchema) throws(StorageError) -> [RescueTarget] {
        var targets: [RescueTarget] = []
        for orphan in try orphans() {
            let place = try place(of: orphan.path)
            let target = target(place, orphan.path, schema, toast: nil)
            if let source = target.sources.first, try fits(source) { targets.append(target) }
        }
        return targets
    }

    private func fits(_ source: RescueSource) throws(StorageError) -> Bool {
        let session = try directory.makeSession()
        defer { session.close() }
        let pages = RelationPages(directory, source.place, session: session)
        var judge = TupleJudge(source.shape, source.writer)
        var fits: Bool?
        try pages.forEach { _ in
        } goesOn: { () throws(StorageError) in
            fits == nil
        } _: { _, outcome, page in
            guard fits == nil, case .whole = outcome, PostgresPageKind(page) == .heap,
                let tuples = PageTuples(whole: page), !tuples.found.isEmpty
            else { return }
            fits = ShapeFit(tuples, page, &judge).isOfTable
        }
        return fits ?? false
    }
}

/// How many tuples of a whole page are of a table.
struct ShapeFit {
    private(set) var fitting = 0
    private(set) var others = 0
    private var hasFullRow = false

    init(_ tuples: PageTuples, _ page: PageView, _ judge: inout TupleJudge) {
        for tuple in tuples.found {
            guard
                judge.length(page.bytes, at: tuple.start, end: tuple.start + tuple.length)
                    == tuple.length
            else {
                others += 1
                continue
            }
            fitting += 1
            if let bytes = try? page.bytes.part(tuple.start, tuple.length),
                HeapTupleHeader(bytes)?.attributeCount == judge.shape.attributes.count
            {
                hasFullRow = true
            }
        }
    }

    /// Whether all tuples fit, and one has all columns: fewer could be another table's.
    var isOfTable: Bool { others == 0 && hasFullRow }
}
