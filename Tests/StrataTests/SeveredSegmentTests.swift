import StorageTesting
import Strata
import Testing
import Threads

/// Segment files that a crash left without their predecessor, in stores with eight blocks per
/// segment.
@Suite struct SeveredSegmentTests {
    private static func store(pages: Int) throws -> (TestStore, String) {
        let store = TestStore()
        let number = try store.with { engine, session in
            try engine.load("r", pages, mark: 1, session)
            return engine.description(of: "r")!.locator.number
        }
        return (store, "\(store.path)/base/1/\(number)")
    }

    /// They belong to no relation until the relation grows.
    ///
    /// - Parameter before: what is left of the segment before; nil for nothing.
    @Test(arguments: [nil, 0, 3] as [Int?])
    func areNamedWhereTheyDoNotCountAndGoWithGrowth(_ before: Int?) throws {
        let (store, stem) = try Self.store(pages: 8)
        if let before { try writeFile(stem + ".1", Array(repeating: 0, count: before * blockSize)) }
        let left = [UInt8](repeating: 7, count: 2 * blockSize)
        try writeFile(stem + ".2", left)
        let action = RecoveryReport.Action.leftAlone(path: removed(stem, ".2"))
        for _ in 0..<3 {
            try store.with { engine, _ in
                #expect(engine.recovery.actions.contains(action))
                let orphans = try engine.orphans()
                #expect(orphans == [removed(stem, ".2")])
            }
            #expect(try readFile(stem + ".2") == left)
        }
        try store.with { engine, session in
            try engine.load("r", 20, mark: 2, session, mode: .append)
            let marks = try engine.relation(named: "r").marks(session)
            #expect(marks.filter { $0 == 1 }.count == 8 && marks.filter { $0 == 2 }.count == 20)
        }
        try store.with { engine, _ in #expect(engine.recovery.actions.isEmpty) }
    }

    /// The segment before may only be away: a later catalog may count what is behind it.
    @Test func stayWhileTheCatalogIsAnOlderOne() throws {
        let (store, stem) = try Self.store(pages: 4)
        let path = store.path + "/strata.catalog"
        let old = try readFile(path)
        try store.with { engine, session in
            _ = try engine.load("r", 16, mark: 2, session, mode: .append)
        }
        let new = try readFile(path)
        let away = try readFile(stem + ".1")
        unlink(stem + ".1")
        try writeFile(path, old)
        for _ in 0..<2 {
            try store.with { engine, session in
                let gone = try engine.removeOrphans(session: session)
                #expect(gone == [])
            }
        }
        try writeFile(stem + ".1", away)
        try writeFile(path, new)
        try store.with { engine, session in
            let marks = try engine.relation(named: "r").marks(session)
            #expect(marks == Array(repeating: 1, count: 4) + Array(repeating: 2, count: 16))
        }
        unlink(stem + ".1")
        try writeFile(path, old)
        try store.with { engine, session in
            let accepted = try engine.acceptCatalog(session: session)
            let gone = try engine.removeOrphans(session: session)
            #expect(accepted == ["r"] && gone == [removed(stem, ".2")])
        }
    }

    @Test func areRemovedOfAnAppendThatACrashCutShort() throws {
        let (store, stem) = try Self.store(pages: 8)
        let catalog = try store.with { engine, session in
            let load = try engine.beginLoad(
                LoadTarget(relation: "r", mode: .append), session: session)
            defer { load.abort() }
            try load.add(20, mark: 3)
            return try readFile(store.path + "/strata.catalog")
        }
        try writeFile(store.path + "/strata.catalog", catalog)
        // A crash leaves no mark of a clean end.
        unlink(store.path + "/strata.clean")
        try writeFile(stem + ".2", Array(repeating: 7, count: 2 * blockSize))
        unlink(stem + ".1")
        try store.with { engine, _ in
            #expect(engine.recovery.actions.contains(.removedFile(path: removed(stem, ".2"))))
        }
        try store.with { engine, _ in #expect(engine.recovery.actions.isEmpty) }
    }

    @Test func stayWhereTheyCount() throws {
        let (store, stem) = try Self.store(pages: 20)
        let first = try readFile(stem + ".1")
        let second = try readFile(stem + ".2")
        #expect(unlink(stem + ".1") == 0)
        try store.with { engine, session in
            #expect(engine.recovery.actions.isEmpty)
            #expect(throws: StorageError.self) {
                try engine.relation(named: "r").marks(session)
            }
        }
        #expect(try readFile(stem + ".2") == second)
        try writeFile(stem + ".1", first)
        try store.with { engine, session in
            let marks = try engine.relation(named: "r").marks(session)
            #expect(marks.count == 20)
        }
    }

    @Test func emptyOnesOfATruncationStay() throws {
        let (store, stem) = try Self.store(pages: 3)
        for segment in [".1", ".2"] { try writeFile(stem + segment, []) }
        try store.with { engine, _ in #expect(engine.recovery.actions.isEmpty) }
        #expect(names(in: "\(store.path)/base/1").count == 3)
    }

    private func removed(_ stem: String, _ segment: String) -> String {
        String(stem.split(separator: "/").suffix(3).joined(separator: "/")) + segment
    }
}
