internal import AsyncIO
internal import PageFormat
internal import PostgresReading
internal import PostgresTypes

/// Reads the catalogs of one database, as a new transaction sees them. One reader per database;
/// making it reads `pg_attribute`. Belongs to its session's thread.
struct CatalogReader {
    let storage: DataDirectory
    let log: TransactionLog
    let session: Session
    /// The database's number, and its tablespace.
    let database: UInt32
    let tablespace: UInt32

    private let map: RelationMap
    private let sharedMap: RelationMap
    /// The columns of the catalogs, by relation.
    private var columns: [UInt32: [CatalogColumn]] = [:]
    /// The places of the catalogs without a map entry, and of their long values.
    var places: [UInt32: RelationPlace] = [:]
    var toastPlaces: [UInt32: ToastPlace] = [:]

    /// Counts the pages of catalogs that were passed over; nil if damage is an error.
    let damage: DamageCount?
    /// The rows that could not be decoded so far. Copies of the reader share it.
    let faults = CatalogFaults()
    /// Whether to return rows that a new transaction does not see too.
    var includesDead = false

    /// A column of a catalog.
    private struct CatalogColumn {
        let name: String
        let layout: ValueLayout
    }

    /// The bit of `t_infomask` that says that `xmax` only locked the row.
    private static let lockOnly: UInt16 = 0x0080

    /// The column of fixed length that may be null, from PostgreSQL 17 on.
    private static let nullable = "attstattarget"

    init(
        _ storage: DataDirectory, _ log: TransactionLog, database: UInt32, tablespace: UInt32,
        session: Session, damage: DamageCount? = nil
    ) throws(StorageError) {
        self.storage = storage
        self.damage = damage
        self.log = log
        self.session = session
        self.database = database
        self.tablespace = tablespace
        let place = RelationPlace(tablespace: tablespace, database: database, number: 0)
        let isLenient = damage?.salvages ?? false
        map = try RelationMap(storage, folder: storage.folder(place), assumesDefaults: isLenient)
        sharedMap = try RelationMap(storage, folder: "global", assumesDefaults: isLenient)
        try learnColumns()
    }

    /// The place of a catalog; nil if it is unknown.
    func place(_ catalog: Catalog) -> RelationPlace? {
        if catalog.isShared {
            guard let number = sharedMap[catalog.rawValue] else { return nil }
            return RelationPlace(
                tablespace: RelationPlace.globalTablespace, database: 0, number: number)
        }
        return mappedPlace(catalog.rawValue) ?? places[catalog.rawValue]
    }

    /// The place of a relation whose file number is in the database's map.
    func mappedPlace(_ relation: UInt32) -> RelationPlace? {
        map[relation].map {
            RelationPlace(tablespace: tablespace, database: database, number: $0)
        }
    }

    /// The place of a shared relation whose file number is in the shared map.
    func sharedPlace(_ relation: UInt32) -> RelationPlace? {
        sharedMap[relation].map {
            RelationPlace(
                tablespace: RelationPlace.globalTablespace, database: 0, number: $0)
        }
    }

    private func missing(_ catalog: Catalog) -> StorageError {
        StorageError(
            .clusterDamaged,
            "the files do not tell where catalog \(catalog.rawValue) of database "
                + "\(database) is",
            remedy: "Restore the database's catalogs from a backup.")
    }

    /// Reads the part of `pg_attribute` that describes the system's own relations. It is the same
    /// in all databases, so that another one's may replace what is damaged.
    private mutating func learnColumns() throws(StorageError) {
        guard let own = place(.attributes) else { throw missing(.attributes) }
        var found: [UInt32: [Int16: CatalogColumn]] = [:]
        let pages = damage?.pages ?? 0
        var failure: StorageError?
        do throws(StorageError) { try learn(from: own, &found) } catch { failure = error }
        if let damage, damage.salvages, failure != nil || damage.pages > pages {
            for other in otherAttributes() { try? learn(from: other, &found) }
            if !found.isEmpty { failure = nil }
        }
        if let failure { throw failure }
        for (relation, list) in found {
            columns[relation] = list.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    /// The places of `pg_attribute` of the other databases in the default tablespace.
    private func otherAttributes() -> [RelationPlace] {
        let names = (try? storage.list("base")) ?? []
        return names.sorted().compactMap { name in
            guard let other = UInt32(name), String(other) == name, other != database,
                let map = try? RelationMap(storage, folder: "base/\(name)"),
                let number = map[Catalog.attributes.rawValue]
            else { return nil }
            return RelationPlace(
                tablespace: RelationPlace.defaultTablespace, database: other, number: number)
        }
    }

    private func learn(
        from place: RelationPlace, _ found: inout [UInt32: [Int16: CatalogColumn]]
    ) throws(StorageError) {
        // Its own columns, by each of the two layouts.
        var eras: [[AttributeLayouts.Raw]] = [[], []]
        var rightEra: Int?
        var heap = try HeapReader(storage, place, log: log, session: session)
        heap.skipsDamage = damage != nil
        heap.salvagesDamage = damage?.salvages ?? false
        defer { count(heap, .attributes, place) }
        let blocks = try blockCount(heap, of: .attributes, place)
        // The row that describes the first column shows which of the two layouts this version has.
        try heap.forEachRow(in: 0..<blocks) { version throws(StorageError) in
            let tuple = version.tuple
            let data = tuple.bytes.extracting(tuple.dataOffset..<tuple.bytes.byteCount)
            guard AttributeLayouts.relation(data) == Catalog.attributes.rawValue else { return }
            for era in eras.indices {
                guard let raw = AttributeLayouts.raw(data, era: era) else { continue }
                if AttributeLayouts.isRight(raw) { rightEra = era }
                if raw.number > 0 { eras[era].append(raw) }
            }
        }
        guard let era = rightEra else {
            throw StorageError(
                .clusterDamaged, "\"\(storage.path(place))\" does not describe itself",
                remedy: "Restore the database's catalogs from a backup.",
                at: StorageError.Location(path: storage.path(place)))
        }
        let own = eras[era].sorted { $0.number < $1.number }
        guard let alignmentOffset = AttributeLayouts.offset(of: "attalign", in: own) else {
            throw missing(.attributes)
        }
        try heap.forEachRow(in: 0..<blocks) { version throws(StorageError) in
            let tuple = version.tuple
            let data = tuple.bytes.extracting(tuple.dataOffset..<tuple.bytes.byteCount)
            guard let relation = AttributeLayouts.relation(data),
                Catalog(rawValue: relation) != nil,
                let raw = AttributeLayouts.raw(data, era: era), raw.number > 0,
                let letter = try? data.byte(alignmentOffset),
                let layout = ValueLayout(length: raw.length, alignment: letter)
            else { return }
            if found[relation]?[raw.number] != nil { return }
            found[relation, default: [:]][raw.number] = CatalogColumn(
                name: raw.name, layout: layout)
        }
    }

    /// Notes how many pages of a catalog told nothing.
    private func count(_ heap: HeapReader, _ catalog: Catalog, _ place: RelationPlace) {
        let path = storage.path(place)
        damage?.note(path, heap.damagedPages)
        faults.noteZeroes(catalog, path: path, heap.zeroPages)
    }

    /// How many blocks a catalog has. That a catalog lost them all is an error, unless what is left
    /// is wanted.
    private func blockCount(
        _ heap: HeapReader, of catalog: Catalog, _ place: RelationPlace
    ) throws(StorageError) -> UInt32 {
        let blocks = try heap.blockCount()
        if blocks > 0 || !catalog.isNeverEmpty || damage?.salvages == true { return blocks }
        throw StorageError(
            .clusterDamaged,
            "file \"\(storage.path(place))\" is empty, although \(catalog.name) always has rows",
            remedy: "Restore the database's catalogs from a backup, or rescue rows without them.",
            at: StorageError.Location(path: storage.path(place)))
    }

    /// Whether a catalog has a column in this version.
    func has(_ catalog: Catalog, _ column: String) -> Bool {
        columns[catalog.rawValue]?.contains { $0.name == column } ?? false
    }

    /// Calls `body` with each row of a catalog that a new transaction sees, and with a reader of
    /// its long values. Skips rows that cannot be decoded, and notes them among ``faults``.
    ///
    /// - Throws: `clusterDamaged` if the catalog cannot be found, or what reading pages throws.
    func forEachRow(
        of catalog: Catalog, _ names: [String],
        _ body: (borrowing CatalogRow, inout ToastReader) throws(StorageError) -> Void
    ) throws(StorageError) {
        guard let place = place(catalog), let columns = columns[catalog.rawValue] else {
            throw missing(catalog)
        }
        let wanted = names.map { name in columns.firstIndex { $0.name == name } }
        let last = wanted.compactMap { $0 }.max() ?? 0
        let requested = CatalogRow.Columns(
            positions: wanted,
            layouts: wanted.map { $0.map { columns[$0].layout } ?? ValueLayout.varlena })
        // None of the columns of fixed length may be null, but for one.
        let required = wanted.compactMap { $0 }.filter {
            !columns[$0].layout.isVarlena && columns[$0].name != Self.nullable
        }
        var fields = TupleFields(columns.map(\.layout))
        var toast = ToastReader(storage, toastPlaces[catalog.rawValue], session: session)
        let pass = CatalogPass(
            catalog, path: storage.path(place), columns.map(\.layout), faults)
        var heap = try HeapReader(storage, place, log: log, session: session)
        heap.skipsDamage = damage != nil
        heap.salvagesDamage = damage?.salvages ?? false
        heap.includesDead = includesDead
        defer { count(heap, catalog, place) }
        let blocks = try blockCount(heap, of: catalog, place)
        try heap.forEachRow(in: 0..<blocks) { version throws(StorageError) in
            pass.begin(version)
            let data: RawSpan
            do throws(ValueFault) {
                data = try fields.find(version.tuple, upTo: last)
            } catch {
                let tuple = version.tuple
                return pass.report(
                    error.description,
                    tuple.bytes.extracting(tuple.dataOffset..<tuple.bytes.byteCount))
            }
            for column in required {
                if case .stored = fields.slot(column) { continue }
                return pass.report("its column \(columns[column].name) has no value", data)
            }
            let header = version.tuple.header
            let hasDeleter =
                header.xmax != 0 && !header.flags.contains(.xmaxInvalid)
                && header.flags.rawValue & Self.lockOnly == 0
            let row = CatalogRow(
                data, fields, requested, pass, hasDeleter: hasDeleter,
                version: CatalogRow.Version(
                    xmin: header.xmin, xmax: header.xmax, isVisible: version.state == .visible))
            try body(row, &toast)
        }
    }
}

/// Counts damaged pages of catalogs. Belongs to the reader's thread.
package final class DamageCount {
    /// How many there are.
    package var pages: Int { byPath.values.reduce(0, +) }
    /// Whether what is left on damaged pages is read.
    package let salvages: Bool
    /// A catalog may be read several times.
    private var byPath: [String: Int] = [:]

    package init(salvages: Bool = false) { self.salvages = salvages }

    /// Notes how many pages of a catalog's file were found damaged.
    func note(_ path: String, _ pages: Int) { byPath[path] = max(byPath[path] ?? 0, pages) }
}
