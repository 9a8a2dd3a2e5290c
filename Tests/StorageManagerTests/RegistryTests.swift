import AsyncIO
import StorageManager
import Testing

@Suite("The registry of storage managers")
struct RegistryTests {
    let system: IOSystem
    let registry: StorageManagerRegistry
    let plain = StubManager(
        name: "plain", capabilities: StorageManagerCapabilities(supportsPrefetch: true))
    let other = StubManager(name: "other")
    let plainID = StorageManagerID(rawValue: 1)
    let otherID = StorageManagerID(rawValue: 200)
    let locator = RelationLocator(database: 1, number: 16384)

    init() throws {
        system = try IOSystem()
        registry = try StorageManagerRegistry(system: system)
        try registry.register(plain, id: plainID)
        try registry.register(other, id: otherID)
    }

    @Test("Managers are found by number and by name")
    func finding() {
        #expect(registry.manager(plainID) === plain)
        #expect(registry.manager(StorageManagerID(rawValue: 2)) == nil)
        let named = registry.manager(named: "other")
        #expect(named?.id == otherID)
        #expect(named?.manager === other)
        #expect(registry.manager(named: "Other") == nil)
    }

    @Test("A number or a name is given once")
    func duplicates() {
        let sameNumber = #expect(throws: StorageError.self) {
            try registry.register(StubManager(name: "third"), id: plainID)
        }
        #expect(sameNumber?.code == .misuse)
        #expect(registry.manager(plainID) === plain)
        let sameName = #expect(throws: StorageError.self) {
            try registry.register(
                StubManager(name: "plain"), id: StorageManagerID(rawValue: 3))
        }
        #expect(sameName?.code == .misuse)
        #expect(registry.manager(StorageManagerID(rawValue: 3)) == nil)
    }

    @Test("A manager that is not registered is named, and nothing changes")
    func unknownManager() {
        let error = #expect(throws: StorageError.self) {
            try registry.open(locator, managedBy: StorageManagerID(rawValue: 9))
        }
        #expect(error?.code == .unknownStorageManager)
        #expect(
            error?.message
                == "relation base/1/16384 is kept by storage manager 9, which is not registered")
        #expect(error?.location.relation == "base/1/16384")
        #expect(error?.remedy != nil)
        #expect(plain.log.isEmpty)
    }

    @Test("A relation is opened once, with its manager's capabilities")
    func opening() throws {
        let relation = try registry.open(locator, managedBy: plainID)
        #expect(try registry.open(locator, managedBy: plainID) === relation)
        #expect(plain.log == ["open base/1/16384"])
        #expect(relation.capabilities == plain.capabilities)
        #expect(relation.manager == plainID)
        #expect((relation.storage as? StubRelation)?.target.manager == plainID)
        let location = relation.location(.freeSpaceMap, block: 7)
        #expect(location.relation == "base/1/16384")
        #expect(location.fork == "fsm")
        #expect(location.block == 7)
    }

    @Test("A relation that is open is not handed out under another manager")
    func otherManager() throws {
        _ = try registry.open(locator, managedBy: plainID)
        let error = #expect(throws: StorageError.self) {
            try registry.open(locator, managedBy: otherID)
        }
        #expect(error?.code == .misuse)
        #expect(other.log.isEmpty)
    }

    @Test("A manager's error on opening is passed on, and nothing stays open")
    func failingOpen() throws {
        let bad = RelationLocator(database: 1, number: 0)
        for _ in 0..<2 {
            let error = #expect(throws: StorageError.self) {
                try registry.open(bad, managedBy: plainID)
            }
            #expect(error?.code == .notFound)
        }
        #expect(plain.log == ["open base/1/0", "open base/1/0"])
    }

    @Test("Closing releases all forks, once; a stale object does not close its successor")
    func closing() throws {
        let session = try system.makeSession()
        let first = try registry.open(locator, managedBy: plainID)
        registry.close(first, session: session)
        let closes = ["close main", "close fsm", "close vm", "close init"]
        #expect(plain.log == ["open base/1/16384"] + closes)
        let second = try registry.open(locator, managedBy: plainID)
        #expect(second !== first)
        registry.close(first, session: session)
        #expect(try registry.open(locator, managedBy: plainID) === second)
    }

    @Test("Unlinking closes first and takes the main fork last")
    func unlinking() throws {
        let session = try system.makeSession()
        let relation = try registry.open(locator, managedBy: plainID)
        try registry.unlink(relation, session: session)
        let log = plain.log
        #expect(log.prefix(5).last == "close init")
        #expect(log.suffix(4) == ["unlink init", "unlink vm", "unlink fsm", "unlink main"])
    }

    @Test("One manager that cannot sync does not keep others from syncing")
    func syncing() throws {
        let session = try system.makeSession()
        let failing = StubManager(name: "failing", failsSync: true)
        try registry.register(failing, id: StorageManagerID(rawValue: 3))
        let error = #expect(throws: StorageError.self) { try registry.syncPending(session) }
        #expect(error?.code == .syncFailed)
        #expect(plain.log == ["sync"])
        #expect(other.log == ["sync"])
    }

    @Test("Shutting down closes what is open and ends all managers")
    func shutdown() throws {
        let session = try system.makeSession()
        _ = try registry.open(locator, managedBy: plainID)
        registry.shutdown(session: session)
        #expect(plain.log.last == "shutdown")
        #expect(plain.log.contains("close main"))
        #expect(other.log == ["shutdown"])
    }

    @Test("An IO on a relation is described by its blocks and relation")
    func describing() throws {
        let session = try system.makeSession()
        let relation = try registry.open(locator, managedBy: plainID)
        let storage = try #require(relation.storage as? StubRelation)
        let handle = try session.acquireHandle()
        storage.target.set(on: handle, locator, .visibilityMap, block: 3, count: 3)
        let shown = system.snapshot().map(\.targetDescription)
        handle.release()
        #expect(shown == ["blocks 3..5 of relation base/1/16384_vm"])
    }

    @Test("Two registries on one system are independent")
    func twoRegistries() throws {
        let second = try StorageManagerRegistry(system: system)
        #expect(second.manager(plainID) == nil)
        try second.register(other, id: plainID)
        #expect(registry.manager(plainID) === plain)
    }

    @Test("Threads that open one relation at once get one object")
    func concurrentOpening() async throws {
        let (registry, plainID) = (registry, plainID)
        let identities = try await withThrowingTaskGroup(of: Set<ObjectIdentifier>.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var seen: Set<ObjectIdentifier> = []
                    for number in 1...100 as ClosedRange<UInt32> {
                        let locator = RelationLocator(database: 1, number: number)
                        seen.insert(
                            ObjectIdentifier(try registry.open(locator, managedBy: plainID)))
                    }
                    return seen
                }
            }
            return try await group.reduce(into: Set()) { $0.formUnion($1) }
        }
        #expect(identities.count == 100)
        #expect(plain.log.count == 100)
    }
}
