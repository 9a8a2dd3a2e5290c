import Foundation
import StorageTesting
import Strata
import Synchronization
import Testing

/// Sessions that read, scan, change, evict, flush, load and drop at once, in a pool far too small
/// for them. `STRATA_STRESS_SECONDS` makes it longer.
@Suite struct ConcurrencyTests {
    static let blocks = 240
    static let seconds =
        Double(
            ProcessInfo.processInfo.environment["STRATA_STRESS_SECONDS"] ?? "") ?? 1

    /// The item at a page's end: its block, and its version twice, so that half a change shows.
    struct Stamp: Equatable {
        var block: UInt32
        var version: UInt32
        static let offset = 8192 - 16

        init(block: UInt32, version: UInt32) { (self.block, self.version) = (block, version) }

        init?(_ page: RawSpan) {
            func word(_ position: Int) -> UInt32 {
                page.unsafeLoad(fromByteOffset: Self.offset + position * 4, as: UInt32.self)
            }
            guard word(1) == word(2) else { return nil }
            self.init(block: word(0), version: word(1))
        }

        var words: [UInt32] { [block, version, version, 0] }
    }

    final class World: Sendable {
        let engine: Engine
        let relation: Relation
        let versions = (0..<ConcurrencyTests.blocks).map { _ in Counter() }
        let ends: Date

        final class Counter: Sendable { let value = Atomic<UInt32>(0) }

        init(_ engine: Engine, _ session: Session) throws {
            self.engine = engine
            relation = try World.load(engine, "shared", ConcurrencyTests.blocks, session)
            ends = Date(timeIntervalSinceNow: ConcurrencyTests.seconds)
        }

        @discardableResult
        static func load(_ engine: Engine, _ name: String, _ blocks: Int, _ session: Session) throws
            -> Relation
        {
            let load = try engine.beginLoad(LoadTarget(relation: name), session: session)
            for _ in 0..<blocks {
                let page = try load.nextPage()
                let block = page.block.rawValue
                try page.withEditor { editor in
                    editor.initialize()
                    let words = Stamp(block: block, version: 0).words
                    _ = try editor.addItem(words.span.bytes)
                }
            }
            return try load.commit()
        }

        func check(_ page: borrowing PinnedPage, _ block: UInt32) {
            let stamp = page.withSharedLock { Stamp($0) }
            #expect(stamp != nil && stamp?.block == block, "block \(block) holds \(stamp as Any)")
        }

        func change(_ session: Session, _ random: inout SplitMix64) throws {
            let block = UInt32(random.next() % UInt64(ConcurrencyTests.blocks))
            let page = try relation.page(BlockNumber(block), session: session)
            page.withExclusiveLock { bytes in
                let old = Stamp(bytes.bytes)
                #expect(old?.block == block)
                let words = Stamp(block: block, version: (old?.version ?? 0) + 1).words
                for (position, word) in words.enumerated() {
                    bytes.storeBytes(
                        of: word, toByteOffset: Stamp.offset + position * 4, as: UInt32.self)
                }
                versions[Int(block)].value.add(1, ordering: .relaxed)
            }
        }

        func scan(_ relation: Relation, _ session: Session) throws {
            var stream = relation.scan(session: session)
            var block: UInt32 = 0
            while let page = try stream.next() {
                check(page, block)
                block += 1
            }
            #expect(block == relation.blockCount)
        }

        func readSome(_ session: Session, _ random: inout SplitMix64) throws {
            for _ in 0..<8 {
                let block = UInt32(random.next() % UInt64(ConcurrencyTests.blocks))
                check(try relation.page(BlockNumber(block), session: session), block)
            }
        }

        func evict(_ session: Session, _ random: inout SplitMix64) throws {
            switch random.next() % 4 {
            case 0: _ = try engine.buffers.evict(relation.open, session: session)
            case 1: _ = try engine.buffers.evictAll(session: session)
            case 2: try engine.checkpoint(session)
            default: _ = try engine.buffers.flush(relation.open, session: session)
            }
        }

        func comeAndGo(_ index: Int, _ session: Session) throws {
            let name = "own\(index)"
            try World.load(engine, name, 20, session)
            do {
                let own = try engine.relation(named: name)
                try scan(own, session)
            }
            try engine.dropRelation(named: name, session: session)
        }

        func work(_ index: Int, _ seed: UInt64) throws {
            let session = try engine.makeSession()
            var random = SplitMix64(seed: seed &+ UInt64(index))
            while Date() < ends {
                switch index {
                case 0, 1, 2: try change(session, &random)
                case 3: try scan(relation, session)
                case 4: try readSome(session, &random)
                case 5: try evict(session, &random)
                default: try comeAndGo(index, session)
                }
            }
            session.close()
        }
    }

    @Test(arguments: IOMethodMatrix.all) func allAtOnce(method: TestedMethod) throws {
        let directory = TemporaryDirectory()
        var options = EngineOptions()
        options.ioMethod = method.choice
        options.poolBytes = 96 * 8192
        options.maximumSessions = 10
        options.createdSegmentBlocks = 64
        let engine = try Engine.open(directory.path + "/store", options: options)
        let session = try engine.makeSession()
        let world = try World(engine, session)
        try TestThreads.run(8) { index in try world.work(index, IOMethodMatrix.seed) }
        #expect(engine.relations.map(\.name) == ["shared"])
        session.close()
        try engine.close()
        // Not earlier: the background writer has pins and IO of its own.
        engine.buffers.checkInvariants()
        #expect(engine.system.snapshot().isEmpty, "no IO is left")

        // Each change is on disk, once.
        let reopened = try Engine.open(directory.path + "/store", options: options)
        let reader = try reopened.makeSession()
        var stream = try reopened.relation(named: "shared").scan(session: reader)
        var block = 0
        while let page = try stream.next() {
            let expected = world.versions[block].value.load(ordering: .relaxed)
            #expect(
                page.withSharedLock { Stamp($0) }
                    == Stamp(block: UInt32(block), version: expected))
            block += 1
        }
        #expect(block == Self.blocks)
        #expect(try reopened.verify(session: reader).findings == 0)
        reader.close()
        try reopened.close()
    }
}
