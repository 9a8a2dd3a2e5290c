import AsyncIO
import RowSchema
import StorageManager
import StorageTesting
import Testing

@testable import StoreFormat

/// The catalog's bytes: what was written is read back, and anything else is refused.
@Suite struct CatalogTests {
    private let control = StoreControl(
        identifier: 0x1234_5678_9ABC_DEF0, segmentBlocks: 8, hasPageChecksums: true)

    private func sample() throws -> Catalog {
        var catalog = Catalog(identifier: control.identifier)
        catalog.generation = 41
        for (name, text) in [
            ("plain", "id bigint NOT NULL, name text"),
            ("日本", "a boolean, b smallint, c integer, d real, e double precision"),
            ("with \"quotes\"", "f date, g timestamp, h uuid, i bytea, j numeric"),
        ] {
            let locator = try catalog.takeLocator()
            catalog.relations[name] = RelationDescription(
                name: name, locator: locator, schema: try Schema(parsing: text),
                managerName: "magnetic", blockCount: 77,
                furtherForks: [.freeSpaceMap: 3, .visibilityMap: 1], rowCount: 5)
        }
        let spelled = try catalog.takeLocator()
        catalog.relations["spelled"] = RelationDescription(
            name: "spelled", locator: spelled,
            schema: try Schema([
                Column(name: "j", type: .boolean, spelling: .capitalizedYesNo),
                Column(
                    name: "k", type: .timestampTZ, isNullable: false,
                    spelling: .separatedByTZulu),
                Column(name: "l", type: .uuid, spelling: .uppercase),
                Column(name: "m", type: .text, spelling: .standard),
                Column(name: "n", type: .time, modifier: .fractionDigits(3)),
                Column(name: "o", type: .numeric, modifier: .precision(10, scale: -2)),
                Column(name: "p", type: .varchar, modifier: .length(20)),
                Column(name: "q", type: .interval),
            ]), managerName: "magnetic")
        let (owner, values) = (try catalog.takeLocator(), try catalog.takeLocator())
        catalog.relations["wide"] = RelationDescription(
            name: "wide", locator: owner, schema: try Schema(parsing: "v text"),
            managerName: "magnetic", rowCount: 2,
            toast: .values(in: "pg_toast", number: 70_000))
        catalog.relations["pg_toast"] = RelationDescription(
            name: "pg_toast", locator: values, schema: nil, managerName: "magnetic",
            toast: .owner("wide"))
        let bare = try catalog.takeLocator()
        catalog.relations["bare"] = RelationDescription(
            name: "bare", locator: bare, schema: nil, managerName: "magnetic")
        catalog.remains[bare] = Catalog.Remains(managerName: "magnetic", kind: .blocks(from: 9))
        catalog.remains[try catalog.takeLocator()] = Catalog.Remains(
            managerName: "papyrus", kind: .files)
        return catalog
    }

    private func read(_ bytes: [UInt8]) -> Result<Catalog, StorageError> {
        Result { () throws(StorageError) in try Catalog(bytes, control: control) }
    }

    @Test func whatIsWrittenIsReadBack() throws {
        let catalog = try sample()
        #expect(try Catalog(catalog.encoded(), control: control) == catalog)
        let empty = Catalog(identifier: control.identifier)
        #expect(try Catalog(empty.encoded(), control: control) == empty)
        #expect(catalog.encoded() == (try sample().encoded()), "equal catalogs give equal bytes")
    }

    @Test func blocksOfALaterCatalogAreRemembered() throws {
        var catalog = try sample()
        let locator = try #require(catalog.relations["plain"]?.locator)
        catalog.remains[locator] = Catalog.Remains(
            managerName: "magnetic", kind: .uncounted(from: 77))
        #expect(try Catalog(catalog.encoded(), control: control) == catalog)
    }

    @Test func everyFlippedBitIsFound() throws {
        let sound = try sample().encoded()
        for bit in 0..<(sound.count * 8) {
            var bytes = sound
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: StorageError.self, "bit \(bit)") {
                try Catalog(bytes, control: control)
            }
        }
    }

    @Test func everyCutIsFound() throws {
        let sound = try sample().encoded()
        for length in sound.indices {
            #expect(throws: StorageError.self, "\(length) bytes") {
                try Catalog(Array(sound[..<length]), control: control)
            }
        }
    }

    /// Payloads with a valid checksum that no encoder wrote: they are read or refused, never trap,
    /// and what is read can be written.
    @Test func hostilePayloadsAreReadOrRefused() throws {
        let sound = try sample().encoded()
        let payload = Array(sound[SealedFile.headerSize..<(sound.count - 4)])
        var random = SplitMix64(seed: IOMethodMatrix.seed)
        var refused = 0
        for round in 0..<4_000 {
            var bytes = payload
            for _ in 0..<(1 + Int(random.next() % 4)) where !bytes.isEmpty {
                let place = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 5 {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes[place] = [0, 0xFF, 0x7F, 0x80][Int(random.next() % 4)]
                case 2: bytes.removeSubrange(place..<min(bytes.count, place + 4))
                case 3: bytes.insert(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF], at: place)
                default: bytes.removeLast(bytes.count - place)
                }
            }
            switch read(Catalog.file.seal(bytes)) {
            case .success(let catalog):
                #expect(try Catalog(catalog.encoded(), control: control) == catalog)
            case .failure(let error):
                refused += 1
                #expect(error.code == .catalogDamaged, "round \(round)")
            }
        }
        #expect(refused > 2_000)
        for _ in 0..<500 {
            let bytes = (0..<Int(random.next() % 200)).map { _ in
                UInt8(truncatingIfNeeded: random.next())
            }
            #expect(throws: StorageError.self) {
                try Catalog(Catalog.file.seal(bytes), control: control)
            }
        }
    }

    @Test func contradictionsAreRefused() throws {
        func refuse(_ reason: String, _ change: (inout Catalog) throws -> Void) throws {
            var catalog = try sample()
            try change(&catalog)
            switch read(catalog.encoded()) {
            case .success: Issue.record("\(reason) was not noticed")
            case .failure(let error): #expect(error.message.contains(reason), "\(error.message)")
            }
        }
        let locator = try #require(try sample().relations["plain"]?.locator)
        try refuse("remove the files") {
            $0.remains[locator] = Catalog.Remains(managerName: "magnetic", kind: .files)
        }
        try refuse("impossible file") { $0.nextFileNumber = locator.number }
        try refuse("two relations have the file") {
            $0.relations["other"] = RelationDescription(
                name: "other", locator: locator, schema: nil, managerName: "magnetic")
        }
        try refuse("two relations are named") {
            $0.relations["other"] = RelationDescription(
                name: "plain", locator: try $0.takeLocator(), schema: nil, managerName: "magnetic")
        }
        try refuse("cannot name a relation") {
            $0.relations[""] = RelationDescription(
                name: "", locator: try $0.takeLocator(), schema: nil, managerName: "magnetic")
        }
    }

    @Test func ownersAndToastRelationsNameEachOther() throws {
        func refuse(_ change: (inout Catalog) throws -> Void) throws {
            var catalog = try sample()
            try change(&catalog)
            guard case .failure(let error) = read(catalog.encoded()) else {
                Issue.record("a catalog was accepted")
                return
            }
            #expect(error.message.contains("has no part in"), "\(error.message)")
        }
        try refuse { $0.relations["pg_toast"] = nil }
        try refuse { $0.relations["wide"] = nil }
        try refuse { $0.relations["wide"]?.toast = .none }
        try refuse { $0.relations["pg_toast"]?.toast = .owner("plain") }
        try refuse { $0.relations["pg_toast"]?.toast = .values(in: "wide", number: 1) }
        try refuse { $0.relations["plain"]?.toast = .values(in: "pg_toast", number: 1) }
        try refuse { $0.relations["plain"]?.toast = .owner("plain") }
        var catalog = try sample()
        let wide = try #require(catalog.relations["wide"])
        #expect(catalog.remove(wide).map(\.name) == ["wide", "pg_toast"])
        #expect(catalog.remains[wide.locator]?.kind == .files)
        #expect(try Catalog(catalog.encoded(), control: control) == catalog)
    }

    /// The payload that version 2 wrote for one relation with the columns `id bigint NOT NULL` and
    /// `b boolean`.
    @Test func columnsOfVersion2HaveNoSpelling() throws {
        var writer = ByteWriter()
        writer.write(control.identifier)
        writer.write(UInt64(7))
        writer.write(UInt32(16385))
        writer.write(count: 1)
        writer.write("old")
        writer.write(UInt32(1))
        writer.write(UInt32(16384))
        writer.write("magnetic")
        writer.write(UInt64(3))
        writer.write(Catalog.rowCountIsExact)
        writer.write(UInt8(1))
        writer.write(UInt8(0))
        writer.write(UInt32(1))
        writer.write(UInt16(2))
        for (name, type, flags) in [("id", 20, 0), ("b", 16, 1)] as [(String, UInt32, UInt8)] {
            writer.write(name)
            writer.write(type)
            writer.write(flags)
        }
        writer.write(count: 0)
        let file = SealedFile(magic: "STRATACA", version: 2)
        let catalog = try Catalog(file.seal(writer.bytes), control: control)
        let schema = try Schema(parsing: "id bigint NOT NULL, b boolean")
        #expect(catalog.relations["old"]?.schema == schema)
        #expect(catalog.relations["old"]?.rowCount == 3)
        #expect(catalog.version == 2)
        // It is written in the newest version.
        var again = try Catalog(catalog.encoded(), control: control)
        #expect(again.version == Catalog.file.version)
        again.version = 2
        #expect(again == catalog)
    }

    @Test func spellingsAndModifiersOfOtherTypesAreRefused() throws {
        let column = Column(name: "v", type: .uuid, spelling: .uppercase)
        let plain = Column(name: "v", type: .integer)
        for (column, spelling, modifier) in [
            (column, Spelling.zulu.rawValue, -1), (column, 255, -1), (column, 0, 24),
            (plain, Spelling.words.rawValue, -1), (plain, 0, 24), (plain, 0, 0),
        ] as [(Column, UInt8, Int32)] {
            var catalog = Catalog(identifier: control.identifier)
            catalog.relations["x"] = RelationDescription(
                name: "x", locator: try catalog.takeLocator(), schema: try Schema([column]),
                managerName: "magnetic")
            let bytes = catalog.encoded()
            var payload = Array(bytes[try Catalog.file.open(bytes).payload])
            // The number of remains follows the only column.
            let place = payload.count - 4 - 5
            for index in 0..<4 {
                payload[place + index] = UInt8(truncatingIfNeeded: modifier >> Int32(8 * index))
            }
            payload[place + 4] = spelling
            guard case .failure(let error) = read(Catalog.file.seal(payload)) else {
                Issue.record("\(spelling), \(modifier) was accepted for \(column.type)")
                continue
            }
            #expect(
                error.message.contains("spelling") || error.message.contains("modifier"),
                "\(error.message)")
        }
    }

    @Test func fileNumbersRunOutWithAnError() throws {
        var catalog = Catalog(identifier: 1)
        catalog.nextFileNumber = .max - 1
        _ = try catalog.takeLocator()
        let error = #expect(throws: StorageError.self) { try catalog.takeLocator() }
        #expect(error?.code == .resourcesExhausted)
    }

    @Test(arguments: [
        ("16384", 16384), ("16384.1", 16384), ("16384_fsm", 16384), ("16384_vm.2", 16384),
        ("16384.chunks", 16384), ("16384_fsm.map", 16384), ("16384.map.new", 16384),
        ("16384.map.new.1", 16384),
    ])
    func namesOfRelationFiles(_ name: String, _ number: UInt32) {
        #expect(RelationFileName(name) == .relation(number))
    }

    @Test func otherNames() {
        for name in [
            "16384.bak", "16384_old", "16384.01", "016384", "16384.chunks.gz", "16384.1.chunks",
            "16384_fsm.x", "t3_16384.bak",
        ] {
            #expect(RelationFileName(name) == .other, "\(name)")
        }
        for name in ["", "x", "16384x", "99999999999", "-1", ".1", "t_1", "tx_1", "t3_x", "t0_1"] {
            #expect(RelationFileName(name) == .other, "\(name)")
        }
        #expect(RelationFileName("t3_16384_fsm.1") == .sessionLocal(3, 16384))
        for name in ["t+3_16384", "t03_16384", "t0_16384", "t_16384", "t3_016384"] {
            #expect(RelationFileName(name) == .other, "\(name)")
        }
    }
}
