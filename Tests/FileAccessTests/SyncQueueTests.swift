import AsyncIO
import FileAccess
import StorageTesting
import Testing
import Threads

@Suite struct SyncQueueTests {
    /// A fixture, a session and a queue on it.
    struct Store {
        let fixture: Fixture
        let system: IOSystem
        let session: Session
        let queue: SyncQueue
        var files: FileAccess { fixture.files }
        var faults: FaultyFileSystem { fixture.faults }

        init(_ method: TestedMethod, limit: Int = 16) throws {
            fixture = try Fixture(limit: limit)
            system = try method.makeSystem()
            session = try system.makeSession()
            queue = try fixture.files.makeSyncQueue(system: system)
        }

        func syncFailure() -> StorageError? {
            failure { () throws(StorageError) in try queue.syncAll(session) }
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func syncsEachFileOnce(method: TestedMethod) throws {
        let store = try Store(method, limit: 4)
        try store.queue.syncAll(store.session)
        let files = try store.fixture.makeNamedFiles(150)
        for _ in 0..<3 {
            for file in files { store.queue.register(file) }
            store.queue.register("f7")
            store.queue.registerDirectory(of: "f7")
            store.queue.registerDirectory(".")
        }
        #expect(store.queue.count == 151)
        #expect(store.queue.paths.prefix(2) == [".", "f0"])
        try store.queue.syncAll(store.session)
        #expect(store.queue.count == 0)
        #expect(store.files.statistics.syncs == 151)
        #expect(store.files.statistics.overruns == 0)
        #expect(!store.session.isInBatch)
    }

    @Test(arguments: IOMethodMatrix.all)
    func failureNamesTheFileAndIsFinal(method: TestedMethod) throws {
        let store = try Store(method)
        store.faults.with { $0.unsyncable = ["f3", "f5"] }
        for number in 0..<10 {
            if number != 3 && number != 5 { _ = try store.files.open("f\(number)", .create) }
            store.queue.register("f\(number)")
        }
        let first = try #require(store.syncFailure())
        #expect(first.code == .fileSyncFailed)
        #expect(first.location.path == "f3")
        #expect(first.errorNumber == EINVAL)
        #expect(first.message.contains("\"f3\""))
        #expect(store.queue.paths == ["f3", "f5"])
        // The disk works again, but what was lost stays lost.
        store.faults.with { $0.unsyncable = [] }
        for number in [3, 5] { _ = try store.files.open("f\(number)", .create) }
        #expect(store.syncFailure()?.code == .fileSyncFailed)
        #expect(store.queue.paths == ["f3", "f5"])
        let file = try store.files.open("f5")
        #expect(failure { () throws(StorageError) in try file.sync() }?.code == .fileSyncFailed)
        // Forgotten and removed, they do not matter.
        for number in [3, 5] {
            store.queue.forget("f\(number)")
            try store.files.remove("f\(number)")
        }
        try store.queue.syncAll(store.session)
        store.queue.register(try store.files.open("f5", .create))
        try store.queue.syncAll(store.session)
    }

    @Test(arguments: IOMethodMatrix.all)
    func missingFileStaysRegistered(method: TestedMethod) throws {
        let store = try Store(method)
        store.queue.register("none")
        store.queue.registerDirectory("nowhere")
        #expect(store.syncFailure()?.code == .fileMissing)
        #expect(store.queue.paths == ["none", "nowhere"])
        _ = try store.files.open("none", .create)
        try store.files.createDirectories("nowhere")
        try store.queue.syncAll(store.session)
        #expect(store.queue.count == 0)
    }

    /// A caller that may try again must not be led to believe that the rest is durable.
    @Test(arguments: IOMethodMatrix.all)
    func aFailedSyncIsToldOfBeforeWhatMayBeTriedAgain(method: TestedMethod) throws {
        let store = try Store(method)
        store.faults.with { $0.unsyncable = ["f3"] }
        for path in ["a", "f3", "z"] { store.queue.register(path) }
        #expect(store.syncFailure()?.code == .fileSyncFailed)
        #expect(store.queue.paths == ["a", "f3", "z"])
    }

    @Test(arguments: IOMethodMatrix.all)
    func whatComesMeanwhileIsLeftForTheNextRound(method: TestedMethod) throws {
        let store = try Store(method)
        for name in ["a", "b", "new"] { _ = try store.files.open(name, .create) }
        store.queue.register("a")
        store.queue.register("b")
        let queue = store.queue
        store.faults.with {
            $0.onOpen = { path in
                if path == "a" { for name in ["a", "new"] { queue.register(name) } }
            }
        }
        try queue.syncAll(store.session)
        #expect(queue.paths == ["a", "new"])
        store.faults.with { $0.onOpen = nil }
        try queue.syncAll(store.session)
        #expect(queue.count == 0)
        #expect(store.files.statistics.syncs == 4)
    }

    @Test(arguments: IOMethodMatrix.all)
    func forgottenMeanwhileMayFail(method: TestedMethod) throws {
        let store = try Store(method)
        _ = try store.files.open("b", .create)
        store.faults.with { $0.unsyncable = ["a"] }
        for name in ["a", "b", "gone"] { store.queue.register(name) }
        let queue = store.queue
        store.faults.with { $0.onOpen = { queue.forget($0) } }
        try queue.syncAll(store.session)
        #expect(queue.count == 0)
        // It was not recorded as failed either.
        store.faults.with {
            $0.unsyncable = []
            $0.onOpen = nil
        }
        try store.files.open("a", .create).sync()
    }

    @Test(arguments: IOMethodMatrix.all)
    func closedAndDroppedFilesAreFoundByPath(method: TestedMethod) throws {
        let store = try Store(method)
        let files = try store.fixture.makeNamedFiles(3)
        for file in files { store.queue.register(file) }
        for file in files { file.close(store.session) }
        try store.queue.syncAll(store.session)
        #expect(store.files.statistics.syncs == 3)
        #expect(store.faults.openCount == 0)
    }

    @Test(arguments: IOMethodMatrix.all)
    func worksWithHardlyAnyDescriptors(method: TestedMethod) throws {
        let store = try Store(method, limit: 100)
        store.faults.with { $0.descriptorLimit = 2 }
        let files = try store.fixture.makeNamedFiles(50)
        for file in files { store.queue.register(file) }
        store.queue.registerDirectory(".")
        try store.queue.syncAll(store.session)
        #expect(store.files.statistics.syncs == 51)
    }

    @Test(arguments: IOMethodMatrix.all)
    func unwantedPathsAreForgotten(method: TestedMethod) throws {
        let store = try Store(method)
        for name in ["1/a", "1/b", "2/a"] { store.queue.register(name) }
        store.queue.forget { $0.hasPrefix("1/") }
        store.queue.forget("none")
        #expect(store.queue.paths == ["2/a"])
    }

    /// A queue may hold the last reference to a file. Closing that takes the lock of the
    /// descriptors, under which a file system may register. In a debug build, closing it under the
    /// queue's lock stops the process.
    @Test(arguments: IOMethodMatrix.all)
    func forgottenFilesAreClosedOutsideTheLock(method: TestedMethod) throws {
        let store = try Store(method)
        store.queue.register(try store.files.open("a", .create))
        store.queue.register(try store.files.open("b", .create))
        #expect(store.files.statistics.virtualFiles == 2)
        store.queue.forget("a")
        #expect(store.files.statistics.virtualFiles == 1)
        store.queue.forget { $0 == "b" }
        #expect(store.files.statistics.virtualFiles == 0)
    }

    @Test(arguments: IOMethodMatrix.all)
    func manyThreadsRegisterAndSync(method: TestedMethod) throws {
        let store = try Store(method, limit: 6)
        let files = try store.fixture.makeNamedFiles(30)
        let (queue, system) = (store.queue, store.system)
        try TestThreads.run(6) { thread in
            let session = try system.makeSession()
            for round in 0..<25 {
                for number in 0..<5 {
                    queue.register(files[(thread * 5 + round * 3 + number) % files.count])
                }
                if thread % 2 == 0 { try queue.syncAll(session) }
                if thread == 1 { try files[round].sync() }
            }
            session.close()
        }
        try queue.syncAll(store.session)
        #expect(queue.count == 0)
        #expect(store.syncFailure() == nil)
        for file in files { file.close(store.session) }
        #expect(store.faults.openCount == 0)
    }

    @Test(arguments: IOMethodMatrix.all)
    func closedSessionIsAnError(method: TestedMethod) throws {
        let store = try Store(method)
        let file = try store.fixture.makeNamedFiles(1)[0]
        store.queue.register(file)
        store.session.close()
        #expect(store.syncFailure()?.code == .closed)
        #expect(store.queue.count == 1)
        let session = try store.system.makeSession()
        try store.queue.syncAll(session)
    }

    @Test func manySyncsAreInFlightAndDescribeTheirFiles() throws {
        let store = try Store(IOMethodMatrix.simulated)
        let method = try #require(SimulatedMethod.of(store.system))
        let hold = method.hold()
        for file in try store.fixture.makeNamedFiles(8) { store.queue.register(file) }
        let (queue, system) = (store.queue, store.system)
        let round = TestThreads.beside { try queue.syncAll(try system.makeSession()) }
        try hold.waitUntilHolding(8)
        let shown = system.snapshot()
        #expect(
            shown.map(\.targetDescription).sorted() == (0..<8).map { "file \"f\($0)\"" })
        #expect(shown.allSatisfy { $0.targetName == "file" && $0.operation == .sync })
        #expect(queue.count == 8)
        hold.release(with: .error(EIO))
        let error = #expect(throws: StorageError.self) { try round.join() }
        #expect(error?.location.path == "f0")
        #expect(queue.count == 8)
    }

    @Test func aBlockingSyncWaitsForTheQueueAndSeesItsFailure() throws {
        let store = try Store(IOMethodMatrix.simulated)
        let method = try #require(SimulatedMethod.of(store.system))
        let hold = method.hold()
        let file = try store.fixture.makeNamedFiles(1)[0]
        store.queue.register(file)
        let (queue, system) = (store.queue, store.system)
        let round = TestThreads.beside { try queue.syncAll(try system.makeSession()) }
        try hold.waitUntilHolding(1)
        let blocking = TestThreads.beside { try file.sync() }
        let another = TestThreads.beside { try queue.syncAll(try system.makeSession()) }
        hold.release(with: .error(EIO))
        for thread in [round, blocking, another] {
            let error = #expect(throws: StorageError.self) { try thread.join() }
            #expect(error?.code == .fileSyncFailed)
        }
    }
}
