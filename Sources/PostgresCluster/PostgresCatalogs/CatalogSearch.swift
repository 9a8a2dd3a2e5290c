internal import PageFormat
internal import PostgresReading
internal import PostgresTypes

/// Finds the files of catalogs whose numbers only a lost map has: by a row that is in each of them
/// in every version, a number followed by a name.
enum CatalogSearch {
    private static let rows: [(catalog: Catalog, number: UInt32, name: String)] = [
        (.attributes, 1249, "attrelid"), (.relations, 1259, "pg_class"), (.types, 16, "bool"),
        (.functions, 1242, "boolin"), (.databases, 1, "template1"), (.roles, 3373, "pg_monitor"),
        (.tablespaces, 1663, "pg_default"),
    ]

    /// How much of each file is looked at.
    private static let mostBytes = 4 << 20

    /// Whether it is one of these catalogs.
    static func isSought(_ relation: UInt32) -> Bool {
        rows.contains { $0.catalog.rawValue == relation }
    }

    /// The file numbers of the catalogs that are found in a folder.
    static func numbers(_ storage: DataDirectory, folder: String) -> [UInt32: UInt32] {
        var numbers: [UInt32: UInt32] = [:]
        let files = ((try? storage.list(folder)) ?? []).compactMap { name in
            UInt32(name).flatMap { String($0) == name ? $0 : nil }
        }
        // Of several, the latest has the highest number, as a rule.
        for file in files.sorted() {
            guard let bytes = storage.beginning(of: "\(folder)/\(file)", atMost: mostBytes) else {
                continue
            }
            for catalog in catalogs(in: bytes) { numbers[catalog.rawValue] = file }
        }
        return numbers
    }

    /// The catalogs whose rows a file has. A tuple's data is aligned to eight bytes. An index on
    /// the same columns has a special space.
    private static func catalogs(in bytes: [UInt8]) -> Set<Catalog> {
        var found: Set<Catalog> = []
        let span = unsafe bytes.span.bytes
        var isTable = false
        for offset in stride(from: 0, to: span.byteCount, by: 8) {
            if offset % PageLayout.size == 0 {
                let special = (try? span.load(offset + specialOffset, as: UInt16.self)) ?? 0
                isTable = Int(special) == PageLayout.size
            }
            guard isTable, let number = try? span.load(offset, as: UInt32.self), number > 0,
                number < mostNumber,
                let row = rows.first(where: { $0.number == number })
            else { continue }
            let name = Array(row.name.utf8) + [0]
            if let part = try? span.part(offset + 4, name.count), part.equals(name) {
                found.insert(row.catalog)
            }
        }
        return found
    }

    private static let mostNumber: UInt32 = 4096
    /// Of `pd_special` in a page.
    private static let specialOffset = 16
}
