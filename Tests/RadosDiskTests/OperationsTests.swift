#if RADOS
    import Foundation
    import RadosStore
    import StorageManager
    import StorageTesting
    import Strata
    import Testing

    @testable import RadosDisk

    /// What a program does with relations besides loading and reading rows.
    @Suite(
        "Kinds of pages, cuts, names and maps in a cluster",
        .enabled(if: TestCluster.isThere, TestCluster.reason))
    struct OperationsTests {
        enum End: Sendable, CaseIterable { case closed, died }

        /// Ends a store's use. A writer that died answers no more.
        private func end(_ store: OwnStore, _ session: Session, _ end: End) throws {
            session.close()
            switch end {
            case .closed: try store.engine.close()
            case .died: store.fallSilent()
            }
        }

        private func make(
            _ engine: Engine, _ name: String, _ kind: PageKind, _ pages: Int, _ session: Session,
            manager: String? = nil
        ) throws -> Relation {
            let relation = try engine.createRelation(
                LoadTarget(relation: name, managerName: manager, pageKind: kind), session: session)
            while relation.blockCount < UInt32(pages) {
                var added = try relation.extend(
                    by: min(8, pages - Int(relation.blockCount)), session: session)
                while let page = added.next() { try page.fill(kind) }
            }
            return relation
        }

        @Test(arguments: IOMethodMatrix.all, End.allCases)
        func outliveTheirWriter(_ method: TestedMethod, _ way: End) throws {
            try TestThreads.run {
                let place = TestCluster.configuration()
                let first = try OwnStore(place, method)
                var session = try first.engine.makeSession()
                for kind in PageKind.allCases {
                    let relation = try make(first.engine, kind.name, kind, 600, session)
                    try first.engine.renameRelation(kind.name, to: "new", session: session)
                    // The second object goes, and a part of the first one.
                    try relation.truncate(to: 500, session: session)
                    var added = try relation.extend(by: 4, session: session)
                    while let page = added.next() {
                        #expect(page.withView { $0.isAllZero })
                    }
                    try relation.recordFreeSpace(3000, at: 7, session: session)
                    try relation.vacuumFreeSpaceMap(session: session)
                    while try relation.blockCount(of: .visibilityMap) < 3 {
                        _ = try relation.extend(fork: .visibilityMap, session: session)
                    }
                    try relation.truncate(.visibilityMap, to: 2, session: session)
                    _ = try relation.extend(fork: .initialization, session: session)
                    try first.engine.renameRelation("new", to: "\(kind.name)s", session: session)
                }
                try first.engine.checkpoint(session)
                try end(first, session, way)

                let second = try OwnStore(place, method)
                #expect(second.engine.recovery.endedCleanly == (way == .closed))
                session = try second.engine.makeSession()
                for kind in PageKind.allCases {
                    let relation = try second.engine.relation(named: "\(kind.name)s")
                    #expect(relation.pageKind == kind)
                    #expect(try relation.wholePages(session) == 500)
                    #expect(relation.blockCount >= 504)
                    #expect(try relation.recordedFreeSpace(at: 7, session: session) >= 2976)
                    #expect(try relation.findPage(with: 2000, session: session) == 7)
                    #expect(try relation.blockCount(of: .visibilityMap) == 2)
                    #expect(try relation.blockCount(of: .initialization) == 1)
                    try relation.page(3, session: session).fill(kind)
                }
                try second.engine.checkpoint(session)
                #expect(try second.engine.findings(session) == [])
                for relation in second.engine.relations {
                    try second.engine.dropRelation(named: relation.name, session: session)
                }
                session.close()
                try second.engine.close()
                // Nothing of it was left to be written, so it need not learn that it was fenced.
                if way == .died { try? first.engine.close() }
                // Nothing of the relations is left.
                let left = try RadosBench(place)
                #expect(left.objects().filter { !$0.hasPrefix("strata.") } == [])
                left.end()
            }
        }

        /// What a writer had cut, added or renamed without a checkpoint, when it died.
        @Test(arguments: IOMethodMatrix.all)
        func onlyDurableChangesCount(_ method: TestedMethod) throws {
            try TestThreads.run {
                let place = TestCluster.configuration()
                let first = try OwnStore(place, method)
                var session = try first.engine.makeSession()
                let relation = try make(first.engine, "t", .sealed, 1100, session)
                try first.engine.checkpoint(session)
                try relation.truncate(to: 1030, session: session)
                var added = try relation.extend(by: 8, session: session)
                while let page = added.next() { try page.fill(.sealed) }
                try first.engine.renameRelation("t", to: "u", session: session)
                try end(first, session, .died)

                let second = try OwnStore(place, method)
                session = try second.engine.makeSession()
                #expect(second.engine.relations.map(\.name) == ["u"])
                let found = try second.engine.relation(named: "u")
                #expect(found.blockCount == 1030)
                #expect(try found.wholePages(session) == 1030)
                var more = try found.extend(by: 8, session: session)
                while let page = more.next() {
                    #expect(page.withView { $0.isAllZero })
                }
                #expect(try second.engine.findings(session) == [])
                try end(second, session, .closed)
                #expect(throws: StorageError.self) { try first.engine.close() }
            }
        }

        /// Pages there never tear, and nothing keeps a copy, so each append begins a page.
        @Test(arguments: IOMethodMatrix.all)
        func singleRowsAreAppended(_ method: TestedMethod) throws {
            try TestThreads.run {
                let place = TestCluster.configuration()
                for count in 0..<3 {
                    let store = try OwnStore(place, method)
                    let session = try store.engine.makeSession()
                    let load = try store.engine.beginLoad(
                        LoadTarget(
                            relation: "t",
                            schema: count > 0 ? nil : try Schema(parsing: "id bigint NOT NULL"),
                            mode: count > 0 ? .append : .create), session: session)
                    let last = try load.lastPage()
                    #expect(last == nil)
                    try load.nextPage().fill(.postgres)
                    let relation = try load.commit(rowCount: 1)
                    #expect(relation.rowCount == UInt64(count) + 1)
                    #expect(try relation.wholePages(session) == count + 1)
                    #expect(try store.engine.findings(session) == [])
                    try end(store, session, .closed)
                }
            }
        }

        /// Silence is not damage: verifying ends, rather than listing every page.
        @Test(arguments: IOMethodMatrix.all)
        func verifyingEndsWhenTheClusterIsSilent(_ method: TestedMethod) throws {
            try TestThreads.run {
                var place = TestCluster.configuration()
                place.restSeconds = 3600
                let store = try OwnStore(place, method)
                let session = try store.engine.makeSession()
                let relation = try make(store.engine, "t", .sealed, 600, session)
                try store.engine.checkpoint(session)
                let cluster = store.home.space.cluster
                _ = cluster.note(-ETIMEDOUT)
                var findings: [String] = []
                expectCode(.timedOut) {
                    _ = try store.engine.verify(
                        session: session,
                        observer: VerificationObserver(finding: { findings.append("\($0)") }))
                }
                #expect(findings == [])
                _ = cluster.note(0)
                #expect(try store.engine.findings(session) == [])
                #expect(try relation.wholePages(session) == 600)
                try end(store, session, .closed)
            }
        }

        @Test(arguments: PageKind.allCases)
        func copiesKeepTheKind(_ kind: PageKind) throws {
            try TestThreads.run {
                let directory = TemporaryDirectory()
                let place = TestCluster.configuration()
                TestCluster.setEnvironment()
                let name = "rados:\(place.pool)/\(place.namespace)"
                var options = OwnStore.options()
                options.findClusters()
                let engine = try Engine.open(directory.path + "/store", options: options)
                let session = try engine.makeSession()
                let here = try make(engine, "here", kind, 600, session)
                try here.recordFreeSpace(3000, at: 7, session: session)
                let there = try #require(
                    try engine.copyRelation(
                        named: "here", to: LoadTarget(relation: "there", managerName: name),
                        session: session))
                #expect(there.pageKind == kind)
                #expect(try there.wholePages(session) == 600)
                #expect(try there.recordedFreeSpace(at: 7, session: session) >= 2976)
                let back = try #require(
                    try engine.copyRelation(
                        named: "there", to: LoadTarget(relation: "back", managerName: "magnetic"),
                        session: session))
                #expect(try back.wholePages(session) == 600)
                #expect(try engine.findings(session) == [])
                try engine.dropRelation(named: "there", session: session)
                session.close()
                try engine.close()
            }
        }
    }
#endif
