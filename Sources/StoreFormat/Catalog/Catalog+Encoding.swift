internal import PageFormat
package import RowSchema
internal import StorageManager

extension Catalog {
    package static let fileName = "strata.catalog"
    package static let file = SealedFile(magic: "STRATACA", version: 6)

    static let columnNullable: UInt8 = 1
    /// The modifier of a type without one, as in PostgreSQL's `atttypmod`.
    static let unmodified: Int32 = -1
    static let remainsFiles: UInt8 = 1
    static let remainsBlocks: UInt8 = 2
    /// Since version 3.
    static let remainsUncounted: UInt8 = 3
    /// Means that the number of rows is unknown.
    static let unknownRowCount = UInt64.max
    package static let rowCountIsExact: UInt8 = 1
    /// The first version that records whether a number of rows is exact.
    static let versionOfExactCounts: UInt32 = 2
    /// The first version whose programs know that there may be copies of pages that were kept.
    package static let versionOfKeptCopies: UInt32 = 2
    /// The first version that records the modifier of a column's type and the spelling of its
    /// values. Columns of older ones have neither.
    static let versionOfSpellings: UInt32 = 3
    static let columnSpelled: UInt8 = 2
    /// The first version that records which relations hold values of others.
    static let versionOfToast: UInt32 = 4
    /// The first version that counts how often appends have filled up a relation's last page.
    static let versionOfFilling: UInt32 = 5
    /// The first version that records what a relation's pages look like.
    static let versionOfPageKinds: UInt32 = 6
    static let toastNone: UInt8 = 0
    static let toastValues: UInt8 = 1
    static let toastOwner: UInt8 = 2

    /// The number of payload bytes that ``head(_:)`` needs.
    package static let headSize = 16

    /// The store's number and the generation, from a file's first bytes, in all versions.
    package static func head(_ bytes: [UInt8]) -> (identifier: UInt64, generation: UInt64) {
        func word(_ offset: Int) -> UInt64 {
            bytes[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        return (word(SealedFile.headerSize), word(SealedFile.headerSize + 8))
    }

    /// Encodes what was changed since the last call, so that later copies of this value need not.
    package mutating func encodeChanges() { relations.encodeChanges(Self.write) }

    /// Encodes the file's bytes. Equal catalogs give equal bytes. The article "What is in a store"
    /// describes them.
    package func encoded() -> [UInt8] {
        let count = relations.byteCount + 64 * (remains.count + 1)
        return Self.file.sealed(reserving: count) { writer in
            writer.write(identifier)
            writer.write(generation)
            writer.write(nextFileNumber)
            writer.write(count: relations.count)
            relations.write(to: &writer, Self.write)
            writer.write(count: remains.count)
            for (locator, entry) in remains.sorted(by: { $0.key.number < $1.key.number }) {
                Self.write(entry, locator, to: &writer)
            }
        }
    }

    private static func write(_ relation: RelationDescription, _ writer: inout ByteWriter) {
        writer.write(relation.name)
        writer.write(relation.locator.database)
        writer.write(relation.locator.number)
        writer.write(relation.managerName)
        writer.write(relation.rowCount ?? unknownRowCount)
        writer.write(relation.isRowCountExact ? rowCountIsExact : 0)
        writer.write(UInt8(relation.forks.count))
        for fork in relation.forks {
            writer.write(fork.rawValue)
            writer.write(relation.blockCount(of: fork) ?? 0)
        }
        write(relation.toast, to: &writer)
        writer.write(relation.fillCount)
        writer.write(relation.pageKind.rawValue)
        let columns = relation.schema?.columns ?? []
        writer.write(UInt16(columns.count))
        for column in columns {
            writer.write(column.name)
            writer.write(column.type.catalogCode)
            writer.write(
                (column.isNullable ? columnNullable : 0)
                    | (column.spelling != nil ? columnSpelled : 0))
            writer.write(column.modifier?.storedNumber(of: column.type) ?? unmodified)
            writer.write((column.spelling ?? .standard).rawValue)
        }
    }

    private static func write(_ role: ToastRole, to writer: inout ByteWriter) {
        switch role {
        case .none: writer.write(toastNone)
        case .values(let name, let number):
            writer.write(toastValues)
            writer.write(name)
            writer.write(number)
        case .owner(let name):
            writer.write(toastOwner)
            writer.write(name)
        }
    }

    private static func write(
        _ entry: Remains, _ locator: RelationLocator, to writer: inout ByteWriter
    ) {
        writer.write(locator.database)
        writer.write(locator.number)
        writer.write(entry.managerName)
        switch entry.kind {
        case .files:
            writer.write(remainsFiles)
            writer.write(UInt32(0))
        case .blocks(let first):
            writer.write(remainsBlocks)
            writer.write(first)
        case .uncounted(let first):
            writer.write(remainsUncounted)
            writer.write(first)
        }
    }
}

extension ColumnType {
    /// The type's code in the catalog: PostgreSQL's object identifier, which does not depend on the
    /// order of the cases.
    var catalogCode: UInt32 { objectIdentifier }

    package init?(catalogCode: UInt32) {
        guard let type = Self.allCases.first(where: { $0.objectIdentifier == catalogCode }) else {
            return nil
        }
        self = type
    }
}
