@testable import StoreFormat

/// Catalogs as older versions of Strata wrote them.
enum OlderCatalog {
    /// The file that version 1 wrote for the only relation of a catalog, which is named `t`, kept
    /// by the manager magnetic, and has only a main fork.
    static func version1(of bytes: [UInt8]) throws -> [UInt8] {
        var payload = Array(bytes[try Catalog.file.open(bytes).payload])
        // After number, generation, next file number, count; name, database, number, manager, rows.
        let flags = 24 + (2 + 1) + 8 + (2 + 8) + 8
        payload.remove(at: flags)
        // After the number of forks and the main one comes where values are.
        var position = flags + 1 + 5
        payload.remove(at: position)
        // Then how often the last page was filled up, and the kind of the pages.
        payload.removeSubrange(position..<position + 4 + 1)
        func word(_ offset: Int) -> Int { Int(payload[offset]) | Int(payload[offset + 1]) << 8 }
        let columns = word(position)
        position += 2
        for _ in 0..<columns {
            // After name, type and flags come a modifier and a spelling.
            position += 2 + word(position) + 4 + 1
            payload.removeSubrange(position..<position + 5)
        }
        return SealedFile(magic: "STRATACA", version: 1).seal(payload)
    }
}
