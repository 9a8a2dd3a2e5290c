internal import PageFormat
internal import PostgresReading
internal import PostgresTypes

/// A row of a catalog that cannot be decoded, wholly or in part.
package struct CatalogFault: Sendable, Hashable, CustomStringConvertible {
    /// The catalog's name, such as `pg_class`.
    package let catalog: String
    /// Its file, relative to the data directory.
    package let path: String
    /// Where the row is.
    package let block: UInt32
    package let number: UInt16
    /// What the row describes, as far as that can be told.
    package let subject: String?
    package let reason: String

    package var description: String {
        "row (\(block),\(number)) of \(catalog) (\"\(path)\")"
            + (subject.map { ", which describes \($0)," } ?? "")
            + " cannot be decoded: \(reason)"
    }
}

/// Gathers the faults of the rows that a reader of catalogs meets. Belongs to the reader's thread.
final class CatalogFaults {
    private(set) var list: [CatalogFault] = []
    private var seen: Set<CatalogFault> = []
    /// How many more there are.
    private(set) var unlisted = 0
    /// What is said of pages of zeroes, by the catalog's file.
    private var zeroes: [String: String] = [:]

    /// The most faults that are kept.
    private static let most = 100

    fileprivate func add(_ fault: CatalogFault) {
        guard !seen.contains(fault) else { return }
        if list.count < Self.most {
            seen.insert(fault)
            list.append(fault)
        } else {
            unlisted += 1
        }
    }

    /// Notes how many pages of a catalog are all zeroes. The catalog may be read several times.
    func noteZeroes(_ catalog: Catalog, path: String, _ pages: Int) {
        if pages == 0 { return }
        zeroes[path] =
            "\(pages) \(pages == 1 ? "page" : "pages") of \(catalog.name) (\"\(path)\")"
            + " \(pages == 1 ? "is" : "are") all zeroes: what may have stood there is missing"
    }

    /// A sentence for each fault.
    var warnings: [String] {
        list.map { "\($0); what it describes is missing or wrong" }
            + (unlisted > 0 ? ["\(unlisted) more rows of catalogs cannot be decoded"] : [])
            + zeroes.values.sorted()
    }
}

/// One pass over the rows of a catalog. Belongs to the reader's thread.
final class CatalogPass {
    private let catalog: Catalog
    private let path: String
    private let faults: CatalogFaults
    /// The places of the catalog's number and name in its rows, if it begins with them.
    private let beginsWithName: Bool
    /// The row that is being decoded.
    private var block: UInt32 = 0
    private var number: UInt16 = 0
    private var isCounted = false

    init(_ catalog: Catalog, path: String, _ layouts: [ValueLayout], _ faults: CatalogFaults) {
        self.catalog = catalog
        self.path = path
        self.faults = faults
        beginsWithName = layouts.prefix(2).map(\.length) == [4, 64]
    }

    /// Begins a row.
    func begin(_ version: borrowing RowVersion) {
        block = version.block
        number = version.tuple.number
        // What is left of a row that nobody sees may be incomplete.
        isCounted = version.state == .visible
    }

    /// Notes a fault of the present row.
    ///
    /// - Parameter data: the row without its header.
    func report(_ reason: String, _ data: RawSpan) {
        guard isCounted else { return }
        faults.add(
            CatalogFault(
                catalog: catalog.name, path: path, block: block, number: number,
                subject: subject(data), reason: reason))
    }

    private func subject(_ data: RawSpan) -> String? {
        guard beginsWithName, let number = try? data.load(0, as: UInt32.self),
            let name = try? data.part(4, 64)
        else { return nil }
        let text = String(decoding: name.copiedName, as: UTF8.self)
        let shown = Identifiers.quoted(
            String(
                String.UnicodeScalarView(
                    text.unicodeScalars.map {
                        $0.properties.isDefaultIgnorableCodePoint
                            || $0.value < 32 || $0.value == 127 ? "?" : $0
                    })))
        return catalog == .attributes
            ? "column \(shown) of relation \(number)" : "\(shown) with number \(number)"
    }
}
