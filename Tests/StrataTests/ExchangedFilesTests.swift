import StorageTesting
import Strata
import Testing
import Threads

/// The files of two compressed relations in each other's places: no change may overwrite what the
/// other one has.
@Suite("Exchanged files of compressed relations") struct ExchangedFilesTests {
    private static let exchanges = [["chunks"], ["map"], ["chunks", "map"]]

    private func exchange(_ kinds: [String], in store: TestStore) {
        let base = store.path + "/base/1/"
        for kind in kinds {
            for (from, to) in [("16384.", "x."), ("16385.", "16384."), ("x.", "16385.")] {
                #expect(rename(base + from + kind, base + to + kind) == 0)
            }
        }
    }

    @Test(arguments: IOMethodMatrix.real, exchanges)
    func nothingInThemChanges(_ method: TestedMethod, _ kinds: [String]) throws {
        let store = TestStore(method)
        try store.with { engine, session in
            for (name, mark) in [("a", UInt8(1)), ("b", 2)] {
                try engine.load(name, 40, mark: mark, session, manager: "compressed")
            }
        }
        exchange(kinds, in: store)
        try store.with { engine, session in
            for (name, other) in [("a", "base/1/16385"), ("b", "base/1/16384")] {
                for isCompacted in [true, false] {
                    do {
                        if isCompacted {
                            _ = try engine.compact(relation: name, session: session)
                        } else {
                            try engine.load(name, 3, mark: 9, session, mode: .append)
                        }
                        Issue.record("\(name) was changed")
                    } catch {
                        #expect("\(error)".contains("relation \(other)"), "\(error)")
                    }
                }
            }
            var found: [VerificationFinding] = []
            _ = try engine.verify(
                session: session, observer: VerificationObserver { found.append($0) })
            #expect(Set(found.map(\.relation)) == ["a", "b"], "\(found)")
        }
        exchange(kinds, in: store)
        try store.with { engine, session in
            for (name, mark) in [("a", UInt8(1)), ("b", 2)] {
                let marks = try engine.relation(named: name).marks(session)
                #expect(marks == Array(repeating: mark, count: 40))
                try engine.load(name, 3, mark: 7, session, mode: .append)
            }
        }
    }

    /// Dropping or replacing a relation removes files once they are its own again.
    @Test(arguments: Self.exchanges, [LoadTarget.Mode.replace, .create])
    func dropsRemoveNoFileOfAnother(_ kinds: [String], _ mode: LoadTarget.Mode) throws {
        let store = TestStore()
        try store.with { engine, session in
            try engine.load("a", 40, mark: 1, session, manager: "compressed")
            try engine.load("b", 40, mark: 2, session, manager: "compressed")
        }
        let own = Set(names(in: store.path + "/base/1"))
        exchange(kinds, in: store)
        for round in 0..<3 {
            try store.with { engine, session in
                if round == 0 && mode == .create {
                    try engine.dropRelation(named: "a", session: session)
                }
                if round == 0 { try engine.load("a", 5, mark: 3, session, mode: mode) }
                try engine.checkpoint(session)
                #expect(own.isSubset(of: names(in: store.path + "/base/1")), "\(round)")
                if round > 0 {
                    let told = engine.recovery.actions.map(\.description)
                    #expect(told.contains { $0.contains("base/1/16385") }, "\(told)")
                }
            }
        }
        exchange(kinds, in: store)
        for _ in 0..<2 {
            try store.with { engine, session in
                let marks = try engine.relation(named: "b").marks(session)
                #expect(marks == Array(repeating: 2, count: 40))
                let new = try engine.relation(named: "a").marks(session)
                #expect(new == Array(repeating: 3, count: 5))
                try engine.checkpoint(session)
            }
        }
        let left = Set(names(in: store.path + "/base/1"))
        #expect(left.isDisjoint(with: ["16384.chunks", "16384.map"]), "\(left)")
    }

    /// Maps alone can be missed: the chunks tell everything.
    @Test func relationsWithExchangedMapsAreRead() throws {
        let store = TestStore()
        try store.with { engine, session in
            try engine.load("a", 40, mark: 1, session, manager: "compressed")
            try engine.load("b", 40, mark: 2, session, manager: "compressed")
        }
        exchange(["map"], in: store)
        try store.with { engine, session in
            let marks = try engine.relation(named: "a").marks(session)
            #expect(marks == Array(repeating: 1, count: 40))
        }
    }
}
