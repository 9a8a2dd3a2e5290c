package import AsyncIO
internal import PageFormat
internal import RowSchema
internal import StorageManager

extension Catalog {
    /// Decodes the file's bytes. For any input it returns a consistent catalog or throws.
    ///
    /// - Throws: `storeTooNew` or `catalogDamaged`.
    package init(_ bytes: [UInt8], control: StoreControl) throws(StorageError) {
        let payload: Range<Int>
        let version: UInt32
        do throws(SealedFile.Failure) {
            (payload, version) = try Self.file.open(bytes)
        } catch {
            switch error {
            case .notOurs:
                throw Self.damaged(bytes.isEmpty ? "it is empty" : "something else wrote it")
            case .damaged(let reason): throw Self.damaged(reason)
            case .newer(let version):
                throw StorageError(
                    .storeTooNew,
                    "the catalog has format version \(version); this program knows versions up to"
                        + " \(Self.file.version)",
                    remedy: "Open the store with the newer program that wrote it.",
                    at: StorageError.Location(path: Self.fileName))
            }
        }
        do throws(DecodingFailure) {
            var reader = ByteReader(bytes, payload)
            self = try Self.read(&reader, version, control)
        } catch {
            throw Self.damaged(error.reason)
        }
    }

    package static func damaged(_ reason: String) -> StorageError {
        StorageError(
            .catalogDamaged, "the catalog is damaged: \(reason)",
            remedy: "Restore \"\(fileName)\" from a backup of this store; its data files are as"
                + " they were.",
            at: StorageError.Location(path: fileName))
    }

    private static func read(
        _ reader: inout ByteReader, _ version: UInt32, _ control: StoreControl
    ) throws(DecodingFailure) -> Catalog {
        let identifier: UInt64 = try reader.read("the store's number")
        guard identifier == control.identifier else {
            throw DecodingFailure("it is another store's")
        }
        var catalog = Catalog(identifier: identifier)
        catalog.version = version
        catalog.generation = try reader.read("the generation")
        catalog.nextFileNumber = try reader.read("the next file number")
        let relationSize = 2 + 4 + 4 + 2 + 8 + 1 + 5 + 2  // The least of any version.
        let count = try reader.readCount(of: "relations", size: relationSize)
        var numbers = Set<RelationLocator>(minimumCapacity: count)
        var parted: [RelationDescription] = []
        var schemas = SchemaCache(version: version)
        for _ in 0..<count {
            let start = reader.position
            let relation = try readRelation(&reader, version, &schemas)
            try check(relation.locator, below: catalog.nextFileNumber, "\"\(relation.name)\"")
            guard numbers.insert(relation.locator).inserted else {
                throw DecodingFailure("two relations have the file \(relation.locator)")
            }
            let bytes = version == file.version ? reader.bytes(since: start) : nil
            guard catalog.relations.add(relation, bytes) else {
                throw DecodingFailure("two relations are named \"\(relation.name)\"")
            }
            if relation.toast != .none { parted.append(relation) }
        }
        try checkToast(parted, catalog.relations)
        for _ in 0..<(try reader.readCount(of: "remains", size: 4 + 4 + 2 + 1 + 4)) {
            let (locator, entry) = try readRemains(&reader)
            try check(locator, below: catalog.nextFileNumber, "what a load left")
            if case .files = entry.kind, numbers.contains(locator) {
                throw DecodingFailure("it would remove the files of relation \(locator)")
            }
            guard catalog.remains.updateValue(entry, forKey: locator) == nil else {
                throw DecodingFailure("it names \(locator) twice among what loads left")
            }
        }
        try reader.finish()
        return catalog
    }

    private static func check(_ locator: RelationLocator, below next: UInt32, _ what: String)
        throws(DecodingFailure)
    {
        guard locator.number < next, locator.number >= firstFileNumber,
            locator.database == database
        else { throw DecodingFailure("\(what) has the impossible file \(locator)") }
    }

    private static func readRelation(
        _ reader: inout ByteReader, _ version: UInt32, _ schemas: inout SchemaCache
    ) throws(DecodingFailure) -> RelationDescription {
        let name = try reader.readText("a relation's name")
        if let fault = RelationName.fault(name) {
            throw DecodingFailure("\(name.debugDescription) cannot name a relation: \(fault)")
        }
        let locator = RelationLocator(
            database: try reader.read("a relation's database"),
            number: try reader.read("a relation's file number"))
        let manager = try reader.readText("the name of a storage manager")
        let rows: UInt64 = try reader.read("a number of rows")
        let isExact = try readExactness(&reader, version, ofUnknown: rows == unknownRowCount, name)
        let (blockCount, furtherForks) = try readForks(&reader, name)
        let toast = try readToast(&reader, version, name)
        let fills: UInt32 =
            version < versionOfFilling ? 0 : try reader.read("how often it was filled up")
        let pageKind = try readPageKind(&reader, version, name)
        let schema = try schemas.read(&reader, name)
        let hasRows = schema != nil || rows != unknownRowCount || toast != .none
        guard !hasRows || pageKind == .postgres else {
            throw DecodingFailure("relation \"\(name)\" has rows in \(pageKind.name) pages")
        }
        return RelationDescription(
            name: name, locator: locator, schema: schema,
            managerName: manager, pageKind: pageKind, blockCount: blockCount,
            furtherForks: furtherForks,
            rowCount: rows == unknownRowCount ? nil : rows, isRowCountExact: isExact,
            toast: toast, fillCount: fills)
    }

    private static func readPageKind(
        _ reader: inout ByteReader, _ version: UInt32, _ name: String
    ) throws(DecodingFailure) -> PageKind {
        if version < versionOfPageKinds { return .postgres }
        let code: UInt8 = try reader.read("a kind of pages")
        guard let kind = PageKind(rawValue: code) else {
            throw DecodingFailure("relation \"\(name)\" has pages of the unknown kind \(code)")
        }
        return kind
    }

    private static func readToast(
        _ reader: inout ByteReader, _ version: UInt32, _ name: String
    ) throws(DecodingFailure) -> ToastRole {
        if version < versionOfToast { return .none }
        let code: UInt8 = try reader.read("whether values are out of line")
        switch code {
        case toastNone: return .none
        case toastValues:
            let partner = try reader.readText("the name of a toast relation")
            return .values(
                in: partner, number: try reader.read("the number of a toast relation"))
        case toastOwner: return .owner(try reader.readText("the name of a toast relation's owner"))
        default: throw DecodingFailure("relation \"\(name)\" has its values in way \(code)")
        }
    }

    /// Each toast relation has one owner, and both are kept in the same way.
    private static func checkToast(_ parted: [RelationDescription], _ relations: RelationMap)
        throws(DecodingFailure)
    {
        for relation in parted {
            guard let name = relation.toast.partner else { continue }
            let partner = relations[name]
            guard let partner, partner.toast.partner == relation.name,
                (partner.toastOwner == nil) != (relation.toastOwner == nil),
                partner.managerName == relation.managerName
            else {
                throw DecodingFailure(
                    "relation \"\(relation.name)\" has no part in \"\(name)\", which holds"
                        + " values out of line or has them there")
            }
        }
    }

    /// Decodes whether a number of rows is exact. Older versions did not take it back when pages
    /// were changed.
    private static func readExactness(
        _ reader: inout ByteReader, _ version: UInt32, ofUnknown isUnknown: Bool, _ name: String
    ) throws(DecodingFailure) -> Bool {
        if version < versionOfExactCounts { return false }
        let flags: UInt8 = try reader.read("what a number of rows is")
        guard flags & ~rowCountIsExact == 0, !isUnknown || flags == 0 else {
            throw DecodingFailure("the number of rows of relation \"\(name)\" has flags \(flags)")
        }
        return flags & rowCountIsExact != 0
    }

    private static func readForks(_ reader: inout ByteReader, _ name: String)
        throws(DecodingFailure) -> (main: UInt32, further: [Fork: UInt32])
    {
        var main: UInt32?
        // Most relations have no other fork, and cost no dictionary.
        var further: [Fork: UInt32] = [:]
        for _ in 0..<(try reader.read(UInt8.self, "a number of forks")) {
            let code: UInt8 = try reader.read("a fork")
            guard let fork = Fork(rawValue: code) else {
                throw DecodingFailure("relation \"\(name)\" has the unknown fork \(code)")
            }
            let count: UInt32 = try reader.read("a number of blocks")
            guard count <= BlockNumber.maximumCount else {
                throw DecodingFailure("relation \"\(name)\" has too many blocks: \(count)")
            }
            let earlier = fork == .main ? main : further[fork]
            guard earlier == nil else {
                throw DecodingFailure("relation \"\(name)\" has its fork \(fork.name) twice")
            }
            if fork == .main { main = count } else { further[fork] = count }
        }
        guard let main else { throw DecodingFailure("relation \"\(name)\" has no main fork") }
        return (main, further)
    }

    fileprivate static func readSchema(
        _ reader: inout ByteReader, _ version: UInt32, _ name: String
    ) throws(DecodingFailure) -> Schema? {
        let count = Int(try reader.read(UInt16.self, "a number of columns"))
        if count == 0 { return nil }
        var columns: [Column] = []
        for _ in 0..<count {
            columns.append(try readColumn(&reader, version, name))
        }
        do throws(SchemaError) { return try Schema(columns) } catch {
            throw DecodingFailure("relation \"\(name)\": \(error)")
        }
    }

    private static func readColumn(
        _ reader: inout ByteReader, _ version: UInt32, _ relation: String
    ) throws(DecodingFailure) -> Column {
        let name = try reader.readText("a column's name")
        func failure(_ reason: String) -> DecodingFailure {
            DecodingFailure("column \"\(name)\" of \"\(relation)\" has \(reason)")
        }
        let code: UInt32 = try reader.read("a column's type")
        guard let type = ColumnType(catalogCode: code) else {
            throw failure("unknown type \(code)")
        }
        let flags: UInt8 = try reader.read("a column's flags")
        let known = version < versionOfSpellings ? columnNullable : columnNullable | columnSpelled
        guard flags & ~known == 0 else { throw failure("flags \(flags)") }
        let isNullable = flags & columnNullable != 0
        if version < versionOfSpellings {
            return Column(name: name, type: type, isNullable: isNullable)
        }
        let stored: Int32 = try reader.read("the modifier of a column's type")
        var modifier: TypeModifier?
        if stored != unmodified {
            modifier = TypeModifier(storedNumber: stored, of: type)
            if modifier == nil { throw failure("the type modifier \(stored)") }
        }
        let number: UInt8 = try reader.read("the spelling of a column's values")
        let isSpelled = flags & columnSpelled != 0
        guard let spelling = Spelling(rawValue: number),
            isSpelled ? Spelling.spellings(of: type).contains(spelling) : spelling == .standard
        else { throw failure("the unknown spelling \(number)") }
        return Column(
            name: name, type: type, modifier: modifier, isNullable: isNullable,
            spelling: isSpelled ? spelling : nil)
    }

    private static func readRemains(_ reader: inout ByteReader) throws(DecodingFailure)
        -> (RelationLocator, Remains)
    {
        let locator = RelationLocator(
            database: try reader.read("a database"), number: try reader.read("a file number"))
        let manager = try reader.readText("the name of a storage manager")
        let code: UInt8 = try reader.read("a kind of remains")
        let first: UInt32 = try reader.read("a number of blocks")
        switch code {
        case remainsFiles: return (locator, Remains(managerName: manager, kind: .files))
        case remainsBlocks:
            return (locator, Remains(managerName: manager, kind: .blocks(from: first)))
        case remainsUncounted:
            return (locator, Remains(managerName: manager, kind: .uncounted(from: first)))
        default: throw DecodingFailure("what a load left is of the unknown kind \(code)")
        }
    }
}

/// The columns that were decoded last. Many relations of a store have the same columns, so most of
/// them are only compared.
private struct SchemaCache {
    let version: UInt32
    private var known: [(bytes: ArraySlice<UInt8>, schema: Schema?)] = []

    private static let limit = 8

    init(version: UInt32) { self.version = version }

    /// Decodes a relation's columns. The bytes tell themselves where they end, so equal ones mean
    /// equal columns.
    mutating func read(_ reader: inout ByteReader, _ name: String) throws(DecodingFailure)
        -> Schema?
    {
        for entry in known where reader.skip(entry.bytes) { return entry.schema }
        let start = reader.position
        let schema = try Catalog.readSchema(&reader, version, name)
        known.insert((reader.bytes(since: start), schema), at: 0)
        if known.count > Self.limit { known.removeLast() }
        return schema
    }
}
