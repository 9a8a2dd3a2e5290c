import Foundation
import StorageTesting
import Strata
import Testing

/// `strata recover` and `strata verify` on a store that was not closed.
@Suite struct RecoverToolTests {
    private let directory = TemporaryDirectory()
    private var store: String { directory.path + "/store" }

    /// Leaves a store with one torn page whose copy is in the journal.
    private func leaveStore() throws {
        var options = EngineOptions()
        options.ioMethod = .synchronous
        options.poolBytes = 1 << 20
        options.logger = RecordingLog().logger()
        let engine = try Engine.open(store, options: options)
        let session = try engine.makeSession()
        let load = try engine.beginLoad(LoadTarget(relation: "t"), session: session)
        for _ in 0..<8 { try load.nextPage().withEditor { $0.initialize() } }
        let relation = try load.commit(rowCount: 0)
        try engine.checkpoint(session)
        let item = [UInt8](repeating: 7, count: 64)
        try relation.page(3, session: session).withEditor { editor in
            _ = try editor.addItem(item.span.bytes)
        }
        try engine.buffers.flushAll(session: session)
        session.close()
        let file = URL(filePath: "\(store)/\(relation.locator)")
        var bytes = try Data(contentsOf: file)
        let tail = 3 * blockSize + 4096..<4 * blockSize
        bytes.replaceSubrange(tail, with: Data(count: tail.count))
        try bytes.write(to: file)
    }

    private func snapshot() throws -> [String: Data] {
        var found: [String: Data] = [:]
        let names = FileManager.default.enumerator(atPath: store)
        while let name = names?.nextObject() as? String {
            found[name] = try? Data(contentsOf: URL(filePath: "\(store)/\(name)"))
        }
        return found
    }

    @Test func aStoreThatWasNotClosed() throws {
        try leaveStore()
        let before = try snapshot()
        let verified = try Tool.run(["verify", "--store", store])
        #expect(verified.code == 0 && verified.output.hasPrefix("no damage"))
        #expect(verified.errors.contains("needs recovery"))
        let planned = try Tool.run(["recover", "--store", store, "--dry-run"])
        #expect(planned.code == 0 && planned.output.contains("nothing was changed"))
        #expect(planned.output.contains("restored 1 that were damaged"))
        #expect(try snapshot() == before)

        let done = try Tool.run(["recover", "--store", store])
        #expect(done.code == 0 && done.output.contains("restored 1 that were damaged"))
        #expect(!done.output.contains("nothing was changed"))
        let again = try Tool.run(["recover", "--store", store, "--dry-run"])
        #expect(again.output == "nothing to recover; strata verify looks for damage\n")
        let sound = try Tool.run(["verify", "--store", store])
        #expect(sound.code == 0 && sound.errors.isEmpty)
    }

    /// Commands that open the store for writing list files that belong to no relation, and remove
    /// them only on request.
    @Test func filesThatNoRelationHas() throws {
        try leaveStore()
        let done = try Tool.run(["recover", "--store", store])
        #expect(done.output.contains("the store was not closed: made "))
        let strays = ["base/1/20000", "base/1/20000.1", "global/16400"]
        for path in strays { try Data([1]).write(to: URL(filePath: "\(store)/\(path)")) }
        for _ in 0..<2 {
            let named = try Tool.run(["recover", "--store", store])
            #expect(named.code == 0)
            #expect(named.output.hasSuffix("nothing to recover; strata verify looks for damage\n"))
            for path in strays { #expect(named.output.contains("left \"\(path)\" alone")) }
        }
        let planned = try Tool.run(["recover", "--store", store, "--dry-run", "--remove-orphans"])
        for path in strays {
            #expect(planned.output.contains("would remove \"\(path)\""))
            #expect(FileManager.default.fileExists(atPath: "\(store)/\(path)"))
        }
        let removed = try Tool.run(["recover", "--store", store, "--remove-orphans"])
        #expect(removed.code == 0 && !removed.output.contains("nothing to recover"))
        for path in strays {
            #expect(removed.output.contains("removed \"\(path)\""))
            #expect(!FileManager.default.fileExists(atPath: "\(store)/\(path)"))
        }
        let again = try Tool.run(["recover", "--store", store])
        #expect(again.output == "nothing to recover; strata verify looks for damage\n")
    }

    /// Read-only commands leave every byte unchanged, also in a store that was not closed.
    @Test func lookingChangesNothing() throws {
        try leaveStore()
        let before = try snapshot()
        let commands = [
            ["relations", "--store", store], ["verify", "--store", store],
            ["recover", "--store", store, "--dry-run"],
        ]
        for command in commands {
            #expect(try Tool.run(command).code == 0, "\(command)")
            #expect(try snapshot() == before, "\(command)")
        }
        _ = try Tool.run(["scan", "--store", store, "--relation", "t"])
        #expect(try snapshot() == before)
    }
}
