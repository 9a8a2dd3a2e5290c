import StorageTesting
import Testing
import Threads

@testable import Strata

/// What may be in the place of a store. Whatever is refused is left unchanged.
@Suite struct OpeningTests {
    let store = TestStore()

    /// Expects opening to be refused, with nothing touched.
    private func expectRefusal(
        _ code: StorageError.Code, sourceLocation: SourceLocation = #_sourceLocation,
        _ change: (inout EngineOptions) -> Void = { _ in }
    ) throws -> StorageError? {
        let before = try snapshot(store.path)
        let error = expectError(code, sourceLocation: sourceLocation) {
            _ = try store.open(change)
        }
        #expect(try snapshot(store.path) == before, sourceLocation: sourceLocation)
        #expect(error?.remedy != nil || error?.underlying?.remedy != nil)
        return error
    }

    @Test func missingDirectoryIsCreatedOnlyOnRequest() throws {
        expectError(.storeMissing) { _ = try store.open { $0.creation = .never } }
        #expect(!isDirectory(store.path))
        try store.open().close()
        #expect(isDirectory(store.path))
        #expect(
            names(in: store.path)
                == [
                    "base", "global", "strata.catalog", "strata.clean", "strata.control",
                    "strata.lock",
                ])
        _ = try expectRefusal(.alreadyExists) { $0.creation = .always }
        try store.open { $0.creation = .never }.close()
    }

    @Test func emptyDirectoryIsNoStoreUntilItIsCreated() throws {
        mkdir(store.path, 0o700)
        _ = try expectRefusal(.storeMissing) { $0.creation = .never }
        try store.open().close()
    }

    @Test func directoryAboveMustExist() throws {
        var options = store.options
        options.creation = .ifMissing
        expectError(.storeMissing) {
            _ = try Engine.open(store.path + "/a/b", options: options)
        }
    }

    @Test func aFileIsNoStore() throws {
        try writeFile(store.path, [1, 2, 3])
        expectError(.notAStore) { _ = try store.open() }
        #expect(try readFile(store.path) == [1, 2, 3])
    }

    @Test func aDirectoryOfOtherThingsIsNoStore() throws {
        mkdir(store.path, 0o700)
        try writeFile(store.path + "/diary.txt", [1])
        let error = try expectRefusal(.notAStore)
        #expect(error?.message.contains("diary.txt") == true)
    }

    @Test func aStoreThatWasCutShortInCreationIsCreatedAgain() throws {
        try store.open().close()
        unlink(store.path + "/strata.control")
        // A store that was closed must be complete.
        _ = try expectRefusal(.controlDamaged)
        unlink(store.path + "/strata.clean")
        try store.open().close()
    }

    @Test func aStoreWithoutControlFileIsNotCreatedAnew() throws {
        try store.with { engine, session in _ = try engine.load("t", 1, mark: 1, session) }
        unlink(store.path + "/strata.control")
        _ = try expectRefusal(.controlDamaged)
    }

    @Test func controlFilesOfOthersAndOfTheFuture() throws {
        try store.open().close()
        let path = store.path + "/strata.control"
        let sound = try readFile(path)
        try writeFile(path, Array("hello, this is not a control file".utf8))
        _ = try expectRefusal(.notAStore)
        try writeFile(path, [])
        _ = try expectRefusal(.notAStore)
        try writeFile(path, newer(sound))
        let error = try expectRefusal(.storeTooNew)
        #expect(error?.message.contains("version 99") == true)
        unlink(path)
        mkdir(path, 0o700)
        _ = try expectRefusal(.controlDamaged)
    }

    @Test func everyFlippedByteOfTheControlFileIsFound() throws {
        try store.open().close()
        let path = store.path + "/strata.control"
        let sound = try readFile(path)
        for index in sound.indices {
            var bytes = sound
            bytes[index] ^= 0x40
            try writeFile(path, bytes)
            do {
                _ = try store.open()
                Issue.record("byte \(index) was flipped, and nobody noticed")
            } catch let error as StorageError {
                #expect([.notAStore, .controlDamaged].contains(error.code), "byte \(index)")
            }
        }
        for length in 1..<sound.count {
            try writeFile(path, Array(sound[..<length]))
            _ = try expectRefusal(.controlDamaged)
        }
        try writeFile(path, sound)
        try store.open().close()
    }

    @Test func damagedAndMissingCatalogs() throws {
        try store.with { engine, session in _ = try engine.load("t", 1, mark: 1, session) }
        let path = store.path + "/strata.catalog"
        let sound = try readFile(path)
        for bytes in [[], Array(sound.dropLast()), sound + [0], Array(repeating: 7, count: 500)] {
            try writeFile(path, bytes)
            let error = try expectRefusal(.catalogDamaged)
            #expect(error?.remedy?.contains("strata.catalog") == true)
        }
        try writeFile(path, newer(sound))
        _ = try expectRefusal(.storeTooNew)
        unlink(path)
        _ = try expectRefusal(.catalogDamaged)
        mkdir(path, 0o700)
        _ = try expectRefusal(.catalogDamaged)
        rmdir(path)
        let other = TestStore()
        try other.open().close()
        try writeFile(path, readFile(other.path + "/strata.catalog"))
        let error = try expectRefusal(.catalogDamaged)
        #expect(error?.message.contains("another store's") == true)
        try writeFile(path, sound)
        try store.open().close()
    }

    /// The same file of version 99, with a right checksum.
    private func newer(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        bytes[8] = 99
        let sum = CRC32C.checksum(bytes.span.extracting(0..<20))
        for index in 0..<4 { bytes[20 + index] = UInt8(truncatingIfNeeded: sum >> (8 * index)) }
        return bytes
    }

    @Test func aStoreIsOpenOnce() throws {
        let engine = try store.open()
        let error = expectError(.storeLocked) { _ = try store.open() }
        #expect(error?.message.contains("another engine of this process") == true)
        #expect(error?.message.contains("\(getpid())") == true)
        try engine.close()
        let second = try store.open()
        expectError(.storeLocked) { _ = try store.open() }
        withExtendedLifetime(second) {}
    }

    @Test func aDroppedEngineLetsGoOfItsStore() throws {
        do {
            let engine = try store.open()
            let session = try engine.makeSession()
            try engine.load("t", 100, mark: 3, session)
        }
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks.count == 100)
        }
    }

    @Test func twoEnginesDoNotMeet() throws {
        let other = TestStore()
        let (a, b) = try (store.open(), other.open())
        let (inA, inB) = try (a.makeSession(), b.makeSession())
        try a.load("t", 30, mark: 1, inA)
        try b.load("t", 20, mark: 2, inB)
        #expect(try a.relation(named: "t").marks(inA) == Array(repeating: 1, count: 30))
        #expect(try b.relation(named: "t").marks(inB) == Array(repeating: 2, count: 20))
        #expect(a.control.identifier != b.control.identifier)
        expectError(.misuse) { try a.checkpoint(inB) }
        expectError(.misuse) { _ = try a.load("u", 1, mark: 1, inB) }
    }

    @Test func settingsOutOfRangeAreRefusedWithTheRange() throws {
        func refuse(_ setting: String, _ change: (inout EngineOptions) -> Void) {
            let error = expectError(.invalidConfiguration) { _ = try store.open(change) }
            #expect(error?.remedy?.contains("EngineOptions.\(setting)") == true)
            #expect(error?.remedy?.contains(" from ") == true)
        }
        refuse("poolBytes") { $0.poolBytes = 16 * blockSize - 1 }
        refuse("poolBytes") { $0.poolBytes = -1 }
        refuse("poolBytes") { $0.poolBytes = Int.max }
        refuse("poolBytes") { $0.poolBytes = 4 << 40 }
        refuse("maximumSessions") { $0.maximumSessions = 0 }
        refuse("maximumSessions") { $0.maximumSessions = 4001 }
        refuse("combineLimit") { $0.combineLimit = 129 }
        refuse("combineLimit") { $0.combineLimit = 0 }
        refuse("maximumOpenFiles") { $0.maximumOpenFiles = 0 }
        refuse("createdSegmentBlocks") { $0.createdSegmentBlocks = 0 }
        refuse("concurrency") { $0.concurrency = .fixed(0) }
        #expect(!isDirectory(store.path), "nothing was touched")
    }

    @Test(arguments: [0o555, 0o000]) func aStoreThatCannotBeWrittenToSaysSo(_ mode: mode_t) throws {
        try store.open().close()
        let control = store.path + "/strata.control"
        #expect(chmod(store.path + "/..", 0o755) == 0)
        #expect(chmod(control, 0o444) == 0)
        #expect(chmod(store.path, mode) == 0)
        do {
            let restore = loseRights()
            defer { restore() }
            let error = expectError(.storeReadOnly) { _ = try store.open() }
            #expect(error?.description.contains("Permission denied") == true)
            #expect(error?.description.contains("permission on the directory") == true)
        }
        #expect(chmod(store.path, 0o755) == 0)
        try store.open().close()
    }

    @Test func sessionsAreClosedBeforeTheEngine() throws {
        let engine = try store.open()
        let session = try engine.makeSession()
        try engine.load("t", 1, mark: 1, session)
        expectError(.misuse) { try engine.close() }
        #expect(try engine.relation(named: "t").marks(session) == [1])
        session.close()
        try engine.close()
        try engine.close()
        expectError(.closed) { _ = try engine.relation(named: "t") }
        expectError(.closed) { _ = try engine.makeSession() }
    }
}

/// Makes this thread access files as a user without rights. Returns how to end that.
func loseRights() -> () -> Void {
    #if canImport(Glibc)
        typealias Function = @convention(c) (UInt32) -> CInt
        guard geteuid() == 0, let symbol = unsafe dlsym(nil, "setfsuid") else { return {} }
        let setfsuid = unsafe unsafeBitCast(symbol, to: Function.self)
        _ = setfsuid(65534)
        return { _ = setfsuid(0) }
    #else
        return {}
    #endif
}
