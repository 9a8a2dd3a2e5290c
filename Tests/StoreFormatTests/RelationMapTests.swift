import RowSchema
import StorageManager
import StorageTesting
import Testing

@testable import StoreFormat

/// The relations of a catalog: they behave as a dictionary does, and what encodes them is always
/// what encoding them anew would give.
@Suite struct RelationMapTests {
    private let control = StoreControl(
        identifier: 0x1234_5678_9ABC_DEF0, segmentBlocks: 8, hasPageChecksums: true)

    private func relation(_ name: String, _ number: UInt32, blocks: UInt32 = 0) throws
        -> RelationDescription
    {
        RelationDescription(
            name: name, locator: RelationLocator(database: Catalog.database, number: number),
            schema: number % 3 == 0 ? nil : try Schema(parsing: "id bigint, name text"),
            managerName: "magnetic", blockCount: blocks)
    }

    /// The bytes of a catalog with those relations that was never changed.
    private func fresh(_ catalog: Catalog, _ relations: [String: RelationDescription]) -> [UInt8] {
        var anew = Catalog(identifier: catalog.identifier)
        anew.generation = catalog.generation
        anew.nextFileNumber = catalog.nextFileNumber
        for relation in relations.values.sorted(by: { $0.name < $1.name }) {
            anew.relations[relation.name] = relation
        }
        return anew.encoded()
    }

    /// Creates, grows, replaces and drops relations at random, in copies of which some are thrown
    /// away, as after a change that could not be written, and reads some back.
    @Test(arguments: 0..<8)
    func theBytesAreAlwaysThoseOfTheRelations(_ round: Int) throws {
        let seed = IOMethodMatrix.seed &+ UInt64(round)
        var random = SplitMix64(seed: seed)
        var catalog = Catalog(identifier: control.identifier)
        var relations: [String: RelationDescription] = [:]
        for step in 0..<600 {
            var next = catalog
            var wanted = relations
            for _ in 0..<(1 + random.next() % 4) {
                let name = "r\(random.next() % 400)"
                switch random.next() % 8 {
                case 0:
                    let gone = next.relations.removeValue(forKey: name)
                    #expect(gone == wanted.removeValue(forKey: name), "seed \(seed)")
                case 1, 2:
                    next.relations[name]?.blockCount = UInt32(step)
                    wanted[name]?.blockCount = UInt32(step)
                default:
                    // A replaced relation gets another number.
                    let number = try next.takeLocator().number
                    next.relations[name] = try relation(name, number)
                    wanted[name] = next.relations[name]
                }
            }
            next.generation &+= 1
            if random.next() % 4 != 0 { next.encodeChanges() }
            let bytes = next.encoded()
            #expect(bytes == fresh(next, wanted), "seed \(seed), step \(step)")
            #expect(next.relations.count == wanted.count)
            switch random.next() % 4 {
            case 0: break
            case 1:
                catalog = try Catalog(bytes, control: control)
                #expect(catalog == next)
                relations = wanted
            default: (catalog, relations) = (next, wanted)
            }
        }
        let found = Dictionary(
            uniqueKeysWithValues: catalog.relations.values.map { ($0.name, $0) })
        #expect(found == relations)
    }

    /// The storage managers are known without looking at the relations.
    @Test func managersAndNumbersFollowChanges() throws {
        var map = RelationMap()
        func put(_ name: String, _ number: UInt32, _ manager: String) throws {
            map[name] = RelationDescription(
                name: name, locator: RelationLocator(database: 1, number: number), schema: nil,
                managerName: manager, blockCount: 1)
        }
        try put("a", 20_000, "magnetic")
        try put("b", 20_001, "compressed")
        try put("c", 20_002, "magnetic")
        #expect(Set(map.managerNames) == ["magnetic", "compressed"])
        #expect(map.numbers == [20_000, 20_001, 20_002])
        try put("b", 20_003, "memory")
        #expect(Set(map.managerNames) == ["magnetic", "memory"])
        map["a"] = nil
        #expect(Set(map.managerNames) == ["magnetic", "memory"])
        map["c"] = nil
        map["missing"] = nil
        #expect(map.managerNames == ["memory"])
        #expect(map.numbers == [20_003])
    }

    /// Changing one of many relations encodes few.
    @Test func aChangeEncodesOnePiece() throws {
        var map = RelationMap()
        for number: UInt32 in 0..<5_000 {
            map["r\(number)"] = try relation("r\(number)", number)
        }
        var encoded = 0
        map.encodeChanges { _, _ in encoded += 1 }
        #expect(encoded == 5_000)
        for number: UInt32 in [0, 2_500, 4_999] {
            encoded = 0
            map["r\(number)"]?.blockCount = 7
            map["r\(number)"] = nil
            map["another"] = try relation("another", 6_000)
            map.encodeChanges { _, _ in encoded += 1 }
            #expect(encoded < 300)
            map["another"] = nil
        }
        encoded = 0
        map.encodeChanges { _, _ in encoded += 1 }
        #expect(encoded < 300)
        map.encodeChanges { _, _ in Issue.record("nothing was changed") }
    }
}
