public import AsyncIO
internal import PostgresCatalogs
public import PostgresCluster

/// Makes the script of one database. Belongs to one thread.
struct DumpScript {
    let database: PostgresDatabase
    let catalog: DatabaseCatalog
    let details: SchemaDetails
    let settings: SchemaSettings
    let names: DumpNames
    let objects: NameTable
    let selection: DumpSelection
    var constants: ConstantText
    /// The collations, indexes and constraints that were said, by number.
    private(set) var said: Set<UInt32> = []
    private let options: DumpOptions
    private(set) var summary = DumpSummary()
    private var noted: Set<DumpOmission> = []

    init(_ database: PostgresDatabase, _ options: DumpOptions) throws(StorageError) {
        self.database = database
        self.options = options
        catalog = database.catalog
        let session = try catalog.storage.makeSession()
        defer { session.close() }
        details = try SchemaDetails(catalog, session: session)
        settings = try SchemaSettings(catalog, details, session: session)
        names = DumpNames(catalog: catalog, details: details)
        objects = try NameTable(catalog, session: session)
        constants = ConstantText(names, objects, version: database.directory.version)
        var only: Set<UInt32>?
        if let tables = options.tables {
            var chosen: Set<UInt32> = []
            for name in tables {
                let table = try database.table(name)
                guard table.kind != .view && table.kind != .foreignTable else {
                    throw StorageError(
                        .unsupported, "\(name) is a \(table.kind.rawValue), which has no rows",
                        remedy: "Name a table.")
                }
                chosen.formUnion(database.descendants(of: table.number))
            }
            only = chosen
        }
        selection = DumpSelection(catalog, details, only: only)
    }

    /// Notes that something is not said.
    mutating func omit(_ object: String, _ reason: String, losesRows: Bool = false) {
        let omission = DumpOmission(object: object, reason: reason, losesRows: losesRows)
        if noted.insert(omission).inserted { summary.omissions.append(omission) }
    }

    /// Writes the script.
    mutating func write(
        to sink: ([UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) {
        try sink(Array(preamble().utf8))
        try writeDefinitions(to: sink)
        if options.includesRows {
            for table in selection.tables { try writeRows(of: table, to: sink) }
            for sequence in selection.sequences {
                if let text = try value(of: sequence) { try sink(Array(text.utf8)) }
            }
        }
        try writeRules(to: sink)
        for table in selection.tables { try sink(Array(statementsAboutIndexes(of: table).utf8)) }
        for comment in settings.comments {
            if let text = statement(forComment: comment) { try sink(Array(text.utf8)) }
        }
        noteOthers()
        try sink(Array(closing().utf8))
    }

    private func preamble() -> String {
        let encoding = database.encoding == "SQL_ASCII" ? "SQL_ASCII" : "UTF8"
        return """
            -- Database \(DumpNames.comment(Identifiers.quoted(database.name))), PostgreSQL \
            \(database.directory.version)
            SET statement_timeout = 0;
            SET lock_timeout = 0;
            SET client_encoding = '\(encoding)';
            SET standard_conforming_strings = on;
            SET search_path = public, pg_catalog;
            SET check_function_bodies = false;
            SET xmloption = content;
            SET client_min_messages = warning;
            SET row_security = off;
            SET datestyle = 'ISO, YMD';
            SET intervalstyle = 'postgres';
            SET timezone = 'UTC';
            SET lc_monetary = 'C';


            """
    }

    private mutating func writeDefinitions(
        to sink: ([UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) {
        for schema in catalog.schemas.values.sorted() where isWanted(schema: schema) {
            try sink(Array("CREATE SCHEMA IF NOT EXISTS \(Identifiers.quoted(schema));\n".utf8))
        }
        for entry in details.extensions {
            let name = Identifiers.quoted(entry.name)
            let schema = Identifiers.quoted(catalog.schemas[entry.schema] ?? "public")
            // The one that every database has must stay where it is.
            let place = entry.name == "plpgsql" ? "" : " WITH SCHEMA \(schema)"
            try sink(Array("CREATE EXTENSION IF NOT EXISTS \(name)\(place);\n".utf8))
        }
        for entry in selection.collations(settings) {
            try sink(Array(statement(forCollation: entry).utf8))
            said.insert(entry.number)
        }
        for sequence in selection.sequences {
            if let text = statement(forSequence: sequence) { try sink(Array(text.utf8)) }
        }
        for object in selection.objects {
            switch object {
            case .type(let number):
                if let text = statement(forType: number) {
                    try sink(Array(text.utf8))
                } else {
                    omit("type \(names.type(number))", "it cannot be said")
                }
            case .table(let number):
                guard let table = catalog.relations[number] else { continue }
                summary.tableCount += 1
                try sink(Array(statement(forTable: table).utf8))
            }
        }
        for sequence in selection.sequences {
            if let text = ownership(of: sequence) { try sink(Array(text.utf8)) }
        }
        for table in selection.tables {
            try sink(Array((parents(of: table) + settings(of: table)).utf8))
        }
    }

    /// Whether the script makes a schema.
    func isWanted(schema: String) -> Bool {
        guard schema != "public", !schema.hasPrefix("pg_"), schema != "information_schema" else {
            return false
        }
        guard options.tables != nil else { return true }
        let relations = selection.tables + selection.sequences
        return relations.contains { catalog.schemas[$0.schema] == schema }
            || selection.objects.contains { object in
                guard case .type(let number) = object, let entry = catalog.types[number] else {
                    return false
                }
                return catalog.schemas[entry.schema] == schema
            }
            || selection.collations(settings).contains { catalog.schemas[$0.schema] == schema }
    }

    /// Writes the rows of a table. Those behind damage are omitted: it must not cost other tables.
    private mutating func writeRows(
        of table: Relation, to sink: ([UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) {
        if table.kind == UInt8(ascii: "p") { return }
        let label = names.relation(table.number)
        var scanOptions = TableScanOptions()
        scanOptions.onlyOwnRows = true
        scanOptions.threads = options.threads
        var isBegun = false
        var isWithinRow = false
        var undelivered: StorageError?
        var rows = 0
        do throws(StorageError) {
            guard let found = try database.table(numbered: table.number) else { return }
            let scan = try database.scan(found, options: scanOptions)
            let columns = scan.columnNames.map { Identifiers.quoted($0) }.joined(separator: ", ")
            let list = columns.isEmpty ? "" : " (\(columns))"
            try sink(Array("\nCOPY \(label)\(list) FROM stdin;\n".utf8))
            isBegun = true
            _ = try scan.writeCopy { text throws(StorageError) in
                do throws(StorageError) { try sink(text) } catch {
                    undelivered = error
                    throw error
                }
                // A line break within a value is written as two letters.
                for byte in text where byte == UInt8(ascii: "\n") { rows += 1 }
                isWithinRow = text.last != UInt8(ascii: "\n")
            }
            if scan.zeroPageCount > 0 {
                let pages = scan.zeroPageCount
                omit(
                    "rows on \(pages) \(pages == 1 ? "page" : "pages") of zeroes of table \(label)",
                    "if there were any: a crash can leave such pages, too")
            }
        } catch {
            if let undelivered { throw undelivered }
            // Half a row cannot be taken back.
            guard error.leavesOthersReadable, !isWithinRow else { throw error }
            omit(
                "rows of table \(label)\(rows > 0 ? " behind its first \(rows)" : "")",
                error.message, losesRows: true)
        }
        summary.rowCount += rows
        if isBegun { try sink(Array("\\.\n".utf8)) }
    }
}

extension DumpScript {
    /// Writes what must come after the rows: constraints and indexes.
    private mutating func writeRules(
        to sink: ([UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) {
        try sink([UInt8(ascii: "\n")])
        let constraints = details.constraints.filter {
            selection.contains($0.relation) && $0.parent == 0
        }
        for constraint in constraints {
            let label =
                "\(Identifiers.quoted(constraint.name)) of \(names.relation(constraint.relation))"
            switch constraint.kind {
            case UInt8(ascii: "p"), UInt8(ascii: "u"):
                if let text = statement(forKey: constraint) {
                    try sink(Array(text.utf8))
                    said.formUnion([constraint.number, constraint.index])
                } else {
                    omit("constraint \(label)", "it cannot be said")
                }
            case UInt8(ascii: "c"): omit("check \(label)", "the expression cannot be said")
            case UInt8(ascii: "x"): omit("exclusion \(label)", "it cannot be said")
            default: break
            }
        }
        try writeIndexes(to: sink)
        for constraint in constraints where constraint.kind == UInt8(ascii: "f") {
            if let text = statement(forForeignKey: constraint) {
                try sink(Array(text.utf8))
                said.insert(constraint.number)
            } else {
                omit(
                    "foreign key \(Identifiers.quoted(constraint.name)) of"
                        + " \(names.relation(constraint.relation))",
                    "it, or the table it refers to, is not in the script")
            }
        }
    }

    private mutating func writeIndexes(
        to sink: ([UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) {
        let backing = Set(
            details.constraints.filter {
                [UInt8(ascii: "p"), UInt8(ascii: "u"), UInt8(ascii: "x")].contains($0.kind)
            }.map(\.index))
        for index in details.indexes where selection.contains(index.relation) {
            // An index of a partition comes with that of the partitioned table.
            if backing.contains(index.number) || details.parents[index.number] != nil { continue }
            if index.isValid, let text = statement(forIndex: index) {
                try sink(Array(text.utf8))
                said.insert(index.number)
            } else {
                omit(
                    "index \(names.relation(index.number)) on \(names.relation(index.relation))",
                    index.isValid
                        ? "its expressions cannot be said" : "it was never finished")
            }
        }
    }

    /// Notes the objects that no part of the script is about.
    private mutating func noteOthers() {
        for warning in Set(
            catalog.warnings + details.warnings + settings.warnings + objects.warnings
        ).sorted() {
            omit("what a damaged catalog describes", warning)
        }
        for (kind, name, relation) in details.attachments where selection.contains(relation) {
            omit(
                "\(kind) \(Identifiers.quoted(name)) on \(names.relation(relation))",
                "it cannot be said")
        }
        if options.tables != nil { return }
        for other in settings.others {
            if other.schema != 0 && !selection.isUserSchema(other.schema) { continue }
            let name =
                other.schema == 0
                ? Identifiers.quoted(other.name) : names.qualified(other.name, other.schema)
            omit("\(other.kind) \(name)", "it cannot be said")
        }
        if settings.largeObjectCount > 0 {
            omit("\(settings.largeObjectCount) large objects", "they are not in tables")
        }
        let relations = catalog.relations.values.sorted { $0.number < $1.number }
        for relation in relations where selection.isOwn(relation) {
            let name = names.relation(relation.number)
            switch relation.kind {
            case UInt8(ascii: "v"): omit("view \(name)", "its text cannot be said")
            case UInt8(ascii: "f"): omit("foreign table \(name)", "its rows are elsewhere")
            case UInt8(ascii: "m") where !relation.isPopulated:
                omit("materialized view \(name)", "it was never filled")
            default: break
            }
        }
        for function in details.functions where selection.isUserSchema(function.schema) {
            omit(
                "function \(names.qualified(function.name, function.schema))",
                "its text cannot be said")
        }
        for constraint in details.constraints where constraint.kind == UInt8(ascii: "c") {
            guard constraint.domain >= SchemaDetails.firstUserNumber else { continue }
            omit(
                "check \(Identifiers.quoted(constraint.name)) of domain"
                    + " \(names.type(constraint.domain))", "the expression cannot be said")
        }
    }

    private func closing() -> String {
        var text = "\n-- Owners, privileges and tablespaces are not in this script.\n"
        if !summary.omissions.isEmpty { text += "-- Nor are:\n" }
        for omission in summary.omissions {
            text += "--   \(DumpNames.comment(omission.description))\n"
        }
        return text
    }
}

extension PostgresDatabase {
    /// Writes a script that makes the database's tables again, with their rows, when psql reads it:
    /// schemas, extensions, types, collations, tables with their storage parameters, sequences with
    /// their values, rows, keys, indexes on plain columns, foreign keys, and comments.
    ///
    /// What the files alone do not tell, such as the text of functions, is listed at the script's
    /// end and in the summary.
    ///
    /// - Parameters:
    ///   - options: what to include.
    ///   - sink: receives the script in pieces of whole lines, on the calling thread.
    /// - Throws: `noSuchObject` if a table does not exist; what `sink` throws; what reading rows
    ///   throws. The script is incomplete then.
    @discardableResult
    public func dump(
        options: DumpOptions = DumpOptions(), to sink: ([UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) -> DumpSummary {
        var script = try DumpScript(self, options)
        try script.write(to: sink)
        return script.summary
    }
}
