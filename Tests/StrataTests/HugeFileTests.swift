import StorageTesting
import StoreFormat
import Testing
import Threads

@testable import Strata

/// The store's own files with false sizes: what they claim costs neither memory nor time.
@Suite("Large files in the place of small ones") struct HugeFileTests {
    let store = TestStore()

    init() throws {
        try store.with { engine, session in _ = try engine.load("a", 2, mark: 1, session) }
    }

    private func lengthen(_ name: String, to size: Int) {
        #expect(truncate("\(store.path)/\(name)", off_t(size)) == 0)
    }

    private func residentBytes() throws -> Int {
        #if canImport(Glibc)
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            return Int(usage.ru_maxrss) << 10
        #else
            return 0
        #endif
    }

    @Test(arguments: [49, 1 << 20, 1 << 28, 1 << 33, 1 << 42])
    func storeFiles(_ size: Int) throws {
        let before = try residentBytes()
        for (name, code) in [
            ("strata.control", StorageError.Code.controlDamaged),
            ("strata.catalog", .catalogDamaged),
        ] {
            let path = "\(store.path)/\(name)"
            let sound = try readFile(path)
            if sound.count >= size { continue }
            lengthen(name, to: size)
            for access: EngineOptions.Access in [.readOnly, .readWrite] {
                expectError(code) { _ = try store.open { $0.access = access } }
            }
            unlink(path)
            #expect(close(creat(path, 0o600)) == 0)
            lengthen(name, to: size)
            for access: EngineOptions.Access in [.readOnly, .readWrite] {
                #expect(throws: StorageError.self) { _ = try store.open { $0.access = access } }
            }
            try writeFile(path, sound)
        }
        lengthen("strata.clean", to: size)
        lengthen("strata.lock", to: size)
        // It could be a relation's file under a wrong name, so it is not emptied.
        expectError(.fileOpenFailed) { _ = try store.open() }
        unlink("\(store.path)/strata.lock")
        try store.with { engine, session in
            let marks = try engine.relation(named: "a").marks(session)
            #expect(marks == [1, 1])
        }
        #expect(try residentBytes() - before < 100 << 20)
    }

    /// A header with a valid checksum and a length that the file really has.
    @Test(arguments: [1 << 21, 1 << 27, 1 << 40])
    func aCatalogOfALengthThatItsHeaderConfirms(_ size: Int) throws {
        let before = try residentBytes()
        let path = store.path + "/strata.catalog"
        let sound = try readFile(path)
        var head = ByteWriter()
        head.write(contentsOf: Array(sound[..<12]))
        head.write(UInt64(size - SealedFile.overhead))
        head.write(CRC32C.checksum(head.bytes.span))
        try writeFile(path, head.bytes + sound[SealedFile.headerSize...])
        lengthen("strata.catalog", to: size)
        expectError(.catalogDamaged) { _ = try store.open() }
        #expect(try residentBytes() - before < 100 << 20)
    }

    /// Counts that exceed the bytes are refused before anything is allocated for them.
    @Test(arguments: [24 + 20, 24 + 24])
    func aCatalogOfImpossibleCounts(_ offset: Int) throws {
        let path = store.path + "/strata.catalog"
        let sound = try readFile(path)
        var payload = Array(sound[SealedFile.headerSize..<(sound.count - 4)])
        for index in 0..<4 { payload[offset - SealedFile.headerSize + index] = 0xFF }
        try writeFile(path, Catalog.file.seal(payload))
        expectError(.catalogDamaged) { _ = try store.open() }
    }

    @Test(arguments: [true, false])
    func aJournalOfHoles(_ isUsed: Bool) throws {
        let left = TestStore()
        try ReadOnlyTests.leave(left)
        if !isUsed {
            let path = left.path + "/strata.journal.1"
            #expect(close(creat(path, 0o600)) == 0)
            #expect(truncate(path, off_t(1) << 42) == 0)
        } else {
            #expect(truncate(left.path + "/strata.journal.0", off_t(1) << 42) == 0)
        }
        let before = try residentBytes()
        for access: EngineOptions.Access in [.readOnly, .readWrite] {
            if access == .readWrite && !isUsed {
                // It may be a relation's file: the store makes none without a header.
                expectError(.journalDamaged) { try left.open().close() }
                continue
            }
            let engine = try left.open { $0.access = access }
            let session = try engine.makeSession()
            let findings = try engine.verify(session: session).findings
            #expect(isUsed ? findings == 0 : findings > 0)
            session.close()
            try engine.close()
        }
        #expect(try residentBytes() - before < 100 << 20)
    }
}
