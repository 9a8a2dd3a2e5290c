#if RADOS
    import AsyncIO
    import FileAccess
    import Foundation
    import Logging
    import RadosStore
    import StorageManager
    import StorageTesting
    import Strata
    import Synchronization
    import Testing

    @testable import RadosDisk

    @Suite(
        "A store is in a cluster as a whole", .enabled(if: TestCluster.isThere, TestCluster.reason))
    struct HomeTests {
        private func options(_ method: TestedMethod = TestedMethod(.synchronous)) -> EngineOptions {
            var options = EngineOptions()
            options.ioMethod = method.choice
            options.poolBytes = 64 * blockSize
            options.maximumSessions = 4
            options.combineLimit = 4
            return options
        }

        private func load(_ engine: Engine, _ name: String, _ pages: Int) throws {
            let session = try engine.makeSession()
            defer { session.close() }
            let load = try engine.beginLoad(
                LoadTarget(
                    relation: name, schema: try Schema(parsing: "id bigint NOT NULL"), mode: .create
                ),
                session: session)
            for number in 0..<UInt32(pages) {
                let page = try load.nextPage()
                try page.withEditor { editor in
                    var row = HeapTupleBuilder(layout: [.int64])
                    editor.initialize()
                    row.begin()
                    row.append(Int64(number))
                    _ = try row.place(on: &editor, block: number)
                }
            }
            try load.commit(rowCount: UInt64(pages))
        }

        private func count(_ engine: Engine, _ name: String) throws -> Int {
            let session = try engine.makeSession()
            defer { session.close() }
            var stream = try engine.relation(named: name).scan(session: session)
            var count = 0
            while try stream.next() != nil { count += 1 }
            return count
        }

        private func findings(_ engine: Engine) throws -> [String] {
            let session = try engine.makeSession()
            defer { session.close() }
            var findings: [String] = []
            _ = try engine.verify(
                session: session,
                observer: VerificationObserver(finding: { findings.append("\($0)") }))
            return findings
        }

        @Test(arguments: IOMethodMatrix.all)
        func staysThereWhenClosed(_ method: TestedMethod) throws {
            try TestThreads.run {
                let place = TestCluster.configuration()
                let first = try Engine.open(inCluster: place, options: options(method))
                try load(first, "t", 700)
                #expect(try first.relation(named: "t").managerName == "rados")
                try first.close()

                var looking = options(method)
                looking.access = .readOnly
                let reader = try Engine.open(inCluster: place, options: looking)
                #expect(!reader.needsRecovery)
                #expect(try count(reader, "t") == 700)
                #expect(try findings(reader) == [])
                // A reader keeps nobody out.
                let second = try Engine.open(inCluster: place, options: options(method))
                #expect(second.recovery.endedCleanly)
                try load(second, "u", 3)
                try second.close()
                try reader.close()

                let third = try Engine.open(inCluster: place, options: options(method))
                #expect(third.relations.map(\.name).sorted() == ["t", "u"])
                #expect(try findings(third) == [])
                try third.close()
            }
        }

        @Test func aWriterKeepsOthersOut() throws {
            try TestThreads.run {
                let place = TestCluster.configuration()
                let first = try Engine.open(inCluster: place, options: options())
                try load(first, "t", 3)
                expectCode(.inUse) { _ = try Engine.open(inCluster: place, options: options()) }
                var looking = options()
                looking.access = .readOnly
                expectCode(.inUse) { _ = try Engine.open(inCluster: place, options: looking) }
                try first.close()
            }
        }

        @Test func looksForNothingWhereNothingIs() throws {
            try TestThreads.run {
                let place = TestCluster.configuration()
                var looking = options()
                looking.access = .readOnly
                expectCode(.storeMissing) {
                    _ = try Engine.open(inCluster: place, options: looking)
                }
                var never = options()
                never.creation = .never
                expectCode(.storeMissing) { _ = try Engine.open(inCluster: place, options: never) }
                let engine = try Engine.open(inCluster: place, options: options())
                #expect(engine.relations.isEmpty)
                try engine.close()
            }
        }

        /// The first one dies during a load; readers see what was acknowledged and change nothing;
        /// the next writer takes over, and the first one is fenced.
        @Test(arguments: IOMethodMatrix.all)
        func survivesItsWriter(_ method: TestedMethod) throws {
            try TestThreads.run {
                let place = TestCluster.configuration()
                let home = try RadosHome(
                    place, access: .readWrite, logger: Logger(label: "test"))
                var dying = options(method)
                dying.fileSystem = home
                dying.defaultManagerName = "rados"
                dying.storageManagers = [
                    StorageManagerPlugin(id: StorageManagerID(rawValue: 8), name: "rados") {
                        context throws(StorageError) in
                        try RadosDisk(system: context.system, home: home)
                    }
                ]
                let first = try Engine.open("dying", options: dying)
                try load(first, "t", 600)
                let session = try first.makeSession()
                let unfinished = try first.beginLoad(
                    LoadTarget(
                        relation: "u", schema: try Schema(parsing: "id bigint"), mode: .create),
                    session: session)
                for _ in 0..<8 {
                    let page = try unfinished.nextPage()
                    page.withEditor { editor in editor.initialize() }
                }
                home.space.lock?.answers.stop()

                var looking = options(method)
                looking.access = .readOnly
                for _ in 0..<2 {
                    let reader = try Engine.open(inCluster: place, options: looking)
                    #expect(reader.needsRecovery)
                    #expect(try count(reader, "t") == 600)
                    #expect(reader.relations.map(\.name) == ["t"])
                    try reader.close()
                }
                let second = try Engine.open(inCluster: place, options: options(method))
                #expect(!second.recovery.endedCleanly)
                #expect(try count(second, "t") == 600)
                #expect(second.relations.map(\.name) == ["t"])
                #expect(try findings(second) == [])
                try load(second, "u", 3)

                expectCode(.fenced) { try load(first, "v", 3) }
                unfinished.abort()
                session.close()
                #expect(throws: StorageError.self) { try first.close() }
                try second.close()

                let third = try Engine.open(inCluster: place, options: options(method))
                #expect(third.recovery.endedCleanly)
                #expect(third.relations.map(\.name).sorted() == ["t", "u"])
                try third.close()
            }
        }

        @Test func keepsNoFilesOfRelations() throws {
            try TestThreads.run {
                let engine = try Engine.open(
                    inCluster: TestCluster.configuration(), options: options())
                try load(engine, "t", 3)
                let session = try engine.makeSession()
                for manager in ["magnetic", "compressed"] {
                    expectCode(.unknownStorageManager) {
                        _ = try engine.copyRelation(
                            named: "t", to: LoadTarget(relation: "u", managerName: manager),
                            session: session)
                    }
                }
                session.close()
                #expect(engine.relations.map(\.name) == ["t"])
                try engine.close()
            }
        }

        @Test func aLocalStoreFindsItsRelationsThere() throws {
            try TestThreads.run {
                let directory = TemporaryDirectory()
                let path = directory.path + "/store"
                let place = TestCluster.configuration()
                TestCluster.setEnvironment()
                let name = "rados:\(place.pool)/\(place.namespace)"
                var options = options()
                options.findClusters(timeoutSeconds: 20)
                let first = try Engine.open(path, options: options)
                options.defaultManagerName = name
                try first.close()
                let second = try Engine.open(path, options: options)
                try load(second, "t", 5)
                #expect(try second.relation(named: "t").managerName == name)
                try second.close()
                let third = try Engine.open(path, options: options)
                #expect(try count(third, "t") == 5)
                let session = try third.makeSession()
                let copy = try third.copyRelation(
                    named: "t", to: LoadTarget(relation: "here", managerName: "magnetic"),
                    session: session)
                #expect(copy?.managerName == "magnetic")
                session.close()
                #expect(try count(third, "here") == 5)
                try third.close()

                // Without the cluster, the rest opens.
                var alone = self.options()
                alone.creation = .never
                let fourth = try Engine.open(path, options: alone)
                #expect(try count(fourth, "here") == 5)
                expectCode(.unknownStorageManager) { _ = try count(fourth, "t") }
                try fourth.close()
            }
        }

        /// A reader opens the store twice, but waits for the cluster once, and says why the
        /// relation cannot be had.
        @Test func aReaderAsksAClusterThatIsAwayOnce() throws {
            try TestThreads.run {
                let directory = TemporaryDirectory()
                let path = directory.path + "/store"
                let asked = Atomic<Int>(0)
                var options = options()
                options.storageManagerFinder = { name in
                    { context throws(StorageError) in
                        asked.add(1, ordering: .relaxed)
                        throw StorageError(.timedOut, "nobody is there", remedy: "Look.")
                    }
                }
                let place = TestCluster.configuration()
                var writing = options
                writing.storageManagers = [
                    StorageManagerPlugin(id: StorageManagerID(rawValue: 9), name: "rados") {
                        context throws(StorageError) in
                        try RadosDisk(system: context.system, configuration: place)
                    }
                ]
                writing.defaultManagerName = "rados"
                let first = try Engine.open(path, options: writing)
                try load(first, "t", 3)
                try first.close()
                options.access = .readOnly
                let reader = try Engine.open(path, options: options)
                #expect(asked.load(ordering: .relaxed) == 1)
                let error = #expect(throws: StorageError.self) {
                    _ = try reader.relation(named: "t")
                }
                #expect(
                    error?.code == .unknownStorageManager && error?.underlying?.code == .timedOut)
                #expect(error?.description.contains("nobody is there. Look.") == true)
                try reader.close()
            }
        }

        @Test func theListOfFilesIsRefusedWhenDamaged() throws {
            var index = HomeIndex()
            index.files = ["strata.catalog": 7, "a b": 9]
            index.gone = [3, 1]
            #expect(HomeIndex(index.bytes) == index)
            #expect(HomeIndex(HomeIndex().bytes) == HomeIndex())
            let bytes = index.bytes
            for position in bytes.indices {
                var harmed = bytes
                harmed[position] ^= 1
                #expect(HomeIndex(harmed) == nil, "byte \(position)")
            }
            for count in bytes.indices { #expect(HomeIndex(Array(bytes.prefix(count))) == nil) }
        }
    }
#endif
