import AsyncIO
import StorageManager
import Testing

@Suite("Blocks, relations and forks")
struct IdentityTests {
    @Test("Blocks advance within their range and become invalid beyond it")
    func advancing() {
        #expect(BlockNumber(3).advanced(by: 4) == 7)
        #expect(BlockNumber(3).advanced(by: -3) == 0)
        #expect(BlockNumber(3).advanced(by: -4) == .invalid)
        #expect(BlockNumber(0).advanced(by: Int(UInt32.max) - 1).rawValue == UInt32.max - 1)
        #expect(BlockNumber(0).advanced(by: Int(UInt32.max)) == .invalid)
        #expect(BlockNumber(1).advanced(by: .max) == .invalid)
        #expect(BlockNumber(1) < 2)
        #expect(!(BlockNumber(2) < 2))
    }

    @Test("Relations print as the path of their first file")
    func paths() {
        #expect(RelationLocator(database: 1, number: 16384).description == "base/1/16384")
        #expect(RelationLocator(database: 0, number: 1262).description == "global/1262")
        let local = RelationLocator(database: 1, number: 5, localTo: 2)
        #expect(local.description == "base/1/t3_5")
        #expect(local.isLocal)
        #expect(local != RelationLocator(database: 1, number: 5))
        #expect(RelationLocator(database: 1, number: 5, localTo: 0).isLocal)
    }

    @Test("A relation is local to a session that can be")
    func impossibleSession() async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            _ = RelationLocator(database: 1, number: 5, localTo: -7)
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("no session has the number -7"))
    }

    @Test("Forks have PostgreSQL's numbers and suffixes")
    func forks() {
        #expect(Fork.allCases.map(\.rawValue) == [0, 1, 2, 3])
        #expect(Fork.allCases.map(\.suffix) == ["", "_fsm", "_vm", "_init"])
    }
}

@Suite("Labels of IO on relations")
struct RelationLabelTests {
    static let locators = [
        RelationLocator(database: 1, number: 16384),
        RelationLocator(database: 0, number: 1262),
        RelationLocator(database: .max, number: .max),
        RelationLocator(database: 7, number: 9, localTo: 0),
        RelationLocator(database: 7, number: .max, localTo: 4095),
    ]

    @Test("All parts survive the way through a handle", arguments: locators, Fork.allCases)
    func roundTrip(locator: RelationLocator, fork: Fork) {
        for block: BlockNumber in [0, 3, .invalid] {
            for count: UInt32 in [0, 1, 128, .max] {
                for manager: UInt8 in [0, 1, 255] {
                    let label = RelationLabel(
                        locator, fork, block: block, count: count,
                        manager: StorageManagerID(rawValue: manager))
                    #expect(RelationLabel(label.targetData) == label)
                }
            }
        }
    }

    @Test("Labels read like sentences")
    func words() {
        func label(_ fork: Fork, _ block: BlockNumber, _ count: UInt32) -> RelationLabel {
            RelationLabel(
                RelationLocator(database: 1, number: 16384), fork, block: block, count: count,
                manager: StorageManagerID(rawValue: 1))
        }
        #expect(label(.main, 3, 3).description == "blocks 3..5 of relation base/1/16384")
        #expect(label(.visibilityMap, 0, 1).description == "block 0 of relation base/1/16384_vm")
        #expect(label(.main, 4_294_967_290, 100).blocks == "blocks 4294967290..4294967389")
    }

    @Test("Bits that no label has read as the main fork, not as a trap")
    func nonsense() {
        let label = RelationLabel(IOTargetData(.max, .max, .max, .max))
        #expect(label.fork == .main)
        #expect(label.count == .max)
    }
}
