#if RADOS
    import AsyncIO
    import RadosDisk
    import StorageManager
    import StorageTesting
    import Strata
    import Testing

    @Suite(
        "A local store keeps a relation in a cluster",
        .enabled(if: TestCluster.isThere, TestCluster.reason))
    struct EngineTests {
        private func open(
            _ path: String, _ method: TestedMethod, _ configuration: RadosConfiguration
        ) throws -> Engine {
            var options = EngineOptions()
            options.ioMethod = method.choice
            options.poolBytes = 64 * blockSize
            options.maximumSessions = 4
            options.combineLimit = 4
            options.concurrency = .fixed(8)
            options.storageManagers = [
                StorageManagerPlugin(id: StorageManagerID(rawValue: 9), name: "rados") {
                    context throws(StorageError) in
                    try RadosDisk(system: context.system, configuration: configuration)
                }
            ]
            return try Engine.open(path, options: options)
        }

        private func load(_ engine: Engine, _ pages: Int, _ session: Session) throws {
            let load = try engine.beginLoad(
                LoadTarget(
                    relation: "t", schema: try Schema(parsing: "id bigint NOT NULL"),
                    mode: .create, managerName: "rados"), session: session)
            // Verification decodes rows, so bare items would be damage.
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

        private func count(_ engine: Engine, _ session: Session) throws -> Int {
            var stream = try engine.relation(named: "t").scan(session: session)
            var count = 0
            while try stream.next() != nil { count += 1 }
            return count
        }

        @Test(arguments: IOMethodMatrix.all)
        func loadsCheckpointsAndScans(_ method: TestedMethod) throws {
            try TestThreads.run {
                let directory = TemporaryDirectory()
                let configuration = TestCluster.configuration()
                let path = directory.path + "/store"
                let first = try open(path, method, configuration)
                let session = try first.makeSession()
                try load(first, 700, session)
                try first.checkpoint(session)
                #expect(try count(first, session) == 700)
                session.close()
                try first.close()

                let second = try open(path, method, configuration)
                let other = try second.makeSession()
                #expect(try second.relation(named: "t").managerName == "rados")
                #expect(try count(second, other) == 700)
                var findings: [String] = []
                let report = try second.verify(
                    session: other,
                    observer: VerificationObserver(finding: { findings.append("\($0)") }))
                #expect(findings.prefix(3) == [])
                #expect(report.pagesChecked == 700)
                other.close()
                try second.close()
            }
        }
    }
#endif
