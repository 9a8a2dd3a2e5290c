#if os(Linux)
    import Foundation
    import RelationLoader
    import StorageTesting
    import Strata
    import Testing

    /// A store on a real file system that is full or read-only.
    @Suite(
        "A store on a full or read-only file system", .serialized,
        .enabled(
            if: SmallFileSystem.canBeMade, "mounting a small file system is not permitted here"))
    struct FullStoreTests {
        private let small: SmallFileSystem
        private var path: String { "\(small.path)/store" }
        private var ballast: String { "\(small.path)/ballast" }

        init() throws { small = try #require(SmallFileSystem(bytes: 6 << 20)) }

        /// Fills the file system, except for some bytes.
        private func fill(leaving bytes: Int) throws {
            var status = statvfs()
            try #require(statvfs(small.path, &status) == 0)
            let free = Int(status.f_bavail) * Int(status.f_bsize)
            let count = max(0, free - bytes) / 4096 * 4096
            try Data(repeating: 1, count: count).write(to: URL(filePath: ballast))
        }

        private func makeSpace() throws { try FileManager.default.removeItem(atPath: ballast) }

        private func open(_ method: TestedMethod, _ creation: EngineOptions.Creation = .never)
            throws(StorageError) -> Engine
        {
            var options = EngineOptions()
            options.ioMethod = method.choice
            options.poolBytes = 1 << 20
            options.maximumSessions = 4
            options.creation = creation
            options.compressedDisk.compactsByItself = false
            options.logger = RecordingLog().logger(level: .critical)
            return try Engine.open(path, options: options)
        }

        private func rows(_ count: Int) -> String {
            "n,t\n"
                + (1...count).map {
                    // Text that zstd cannot compress much.
                    let noise = SplitMix64(seed: UInt64($0)).digits(200)
                    return "\($0),\(noise)\n"
                }.joined()
        }

        private func load(
            _ text: String, _ name: String, _ manager: String?, _ mode: LoadTarget.Mode,
            _ engine: Engine
        ) throws(LoaderError) {
            var options = LoadOptions()
            options.mode = mode
            options.managerName = manager
            _ = try RelationLoader.load(
                MemorySource(text), into: name, of: engine, options: options)
        }

        private func expectFull(
            sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
        ) {
            do {
                try body()
                Issue.record("there was space", sourceLocation: sourceLocation)
            } catch {
                let found: StorageError?
                if case .storage(let inner)? = error as? LoaderError {
                    found = inner
                } else {
                    found = error as? StorageError
                }
                // The kernel gives no reason for a started write that ended half-way.
                let isFull =
                    found?.errorNumber == ENOSPC
                    || found?.code == .writeFailed && found?.errorNumber == nil
                #expect(isFull, "\(error)", sourceLocation: sourceLocation)
                #expect(found?.remedy != nil, "\(error)", sourceLocation: sourceLocation)
            }
        }

        private func check(_ engine: Engine, _ relations: [String: Int]) throws {
            #expect(engine.relations.map(\.name).sorted() == relations.keys.sorted())
            let session = try engine.makeSession()
            defer { session.close() }
            var findings: [String] = []
            _ = try engine.verify(
                session: session, observer: VerificationObserver { findings.append("\($0)") })
            #expect(findings.isEmpty)
            for (name, count) in relations {
                // Unknown if a changed page has been written.
                let rows = engine.description(of: name)?.rowCount
                #expect(rows == nil || rows == UInt64(count))
                var seen = 0
                var stream = try engine.relation(named: name).scan(session: session)
                while let page = try stream.next() {
                    page.withView { seen += $0.linePointerCount }
                }
                #expect(seen == count, "\(name)")
            }
        }

        @Test(
            "A load without space leaves nothing; with space it succeeds",
            arguments: IOMethodMatrix.real, ["magnetic", "compressed"])
        func loading(method: TestedMethod, manager: String) throws {
            let engine = try open(method, .always)
            try load(rows(300), "t", manager, .create, engine)
            for left in [0, 5000, 100_000, 400_000] {
                try fill(leaving: left)
                expectFull { try load(rows(6000), "u", manager, .create, engine) }
                expectFull { try load(rows(6000), "t", nil, .append, engine) }
                expectFull { try load(rows(6000), "t", nil, .replace, engine) }
                try check(engine, ["t": 300])
                try makeSpace()
            }
            try load(rows(400), "u", manager, .create, engine)
            try load(rows(50), "t", nil, .append, engine)
            try check(engine, ["t": 350, "u": 400])
            try engine.close()
            let again = try open(method)
            try check(again, ["t": 350, "u": 400])
            try again.close()
        }

        @Test(
            "Changed pages wait for space, and nothing is half dropped or half compacted",
            arguments: IOMethodMatrix.real, ["magnetic", "compressed"])
        func changing(method: TestedMethod, manager: String) throws {
            let engine = try open(method, .always)
            try load(rows(300), "t", manager, .create, engine)
            try load(rows(30), "u", manager, .create, engine)
            let session = try engine.makeSession()
            try fill(leaving: 0)
            let relation = try engine.relation(named: "t")
            for block in 0..<relation.blockCount {
                let page = try relation.page(BlockNumber(block), session: session)
                page.withEditor { $0.lsn = LSN(UInt64(block) + 77) }
            }
            // Pages in place need no space; chunks, which are never overwritten, do.
            if manager == "compressed" { expectFull { try engine.checkpoint(session) } }
            expectFull { try engine.dropRelation(named: "u", session: session) }
            do throws(StorageError) {
                try engine.compact(relation: "t", session: session)
            } catch {
                #expect(error.errorNumber == ENOSPC, "\(error)")
            }
            try check(engine, ["t": 300, "u": 30])
            try makeSpace()
            try engine.checkpoint(session)
            try engine.dropRelation(named: "u", session: session)
            try engine.compact(relation: "t", session: session)
            session.close()
            try engine.close()

            let again = try open(method)
            try check(again, ["t": 300])
            let reader = try again.makeSession()
            let same = try again.relation(named: "t")
            for block in 0..<same.blockCount {
                let page = try same.page(BlockNumber(block), session: reader)
                #expect(page.withView { $0.lsn } == LSN(UInt64(block) + 77))
            }
            reader.close()
            try again.close()
        }

        @Test("A store on a read-only file system is refused, and opens once that is writable")
        func readOnly() throws {
            let method = TestedMethod(.synchronous)
            let engine = try open(method, .always)
            try load(rows(300), "t", nil, .create, engine)
            try engine.close()
            #expect(small.setReadOnly(true))
            do throws(StorageError) {
                _ = try open(method)
                Issue.record("a read-only store was opened")
            } catch {
                #expect(error.code == .storeReadOnly, "\(error)")
                #expect(error.remedy != nil)
            }
            #expect(small.setReadOnly(false))
            let again = try open(method)
            try check(again, ["t": 300])
            try again.close()
        }
    }

    extension SplitMix64 {
        /// Text of hexadecimal digits.
        fileprivate func digits(_ count: Int) -> String {
            var random = self
            return (0..<count / 16).map { _ in
                let word = String(random.next(), radix: 16)
                return String(repeating: "0", count: 16 - word.count) + word
            }.joined()
        }
    }
#endif
