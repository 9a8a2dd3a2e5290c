import Foundation
import StorageTesting
import Testing

/// The tool as its users see it: what it prints, where, and how it exits.
@Suite struct ToolTests {
    private let directory = TemporaryDirectory()
    private var store: String { directory.path + "/store" }
    private let airports = HouseTests.root.appending(path: "Fixtures/csv/airports.csv").path

    private func strata(_ arguments: String..., input: String? = nil) throws -> Tool.Outcome {
        try Tool.run(arguments, input: input)
    }

    private func load(_ relation: String, _ csv: String, _ more: String...) throws {
        let outcome = try Tool.run(
            ["load", "-", "--store", store, "--relation", relation] + more, input: csv)
        try #require(outcome.code == 0, "\(outcome.errors)")
    }

    @Test(arguments: ["sync", "worker", "automatic"])
    func relationsAreListedVerifiedAndDropped(_ method: String) throws {
        let loaded = try strata(
            "load", airports, "--store", store, "--relation", "airports", "--io-method", method)
        #expect(loaded.code == 0, "\(loaded.errors)")
        try load("small", "id,name\n1,one\n2,two\n", "--schema", "id bigint NOT NULL, name text")

        let listed = try strata("relations", "--store", store, "--io-method", method)
        #expect(listed.code == 0)
        #expect(listed.lines.count == 3)
        #expect(listed.lines[0].hasPrefix("relation"))
        #expect(listed.lines[1].hasPrefix("airports  3376"))
        #expect(listed.lines[2].hasSuffix("id bigint NOT NULL, name text"))
        #expect(listed.errors.isEmpty)

        let verified = try strata("verify", "--store", store, "--io-method", method)
        #expect(verified.code == 0)
        #expect(verified.output.hasPrefix("no damage: checked 37 pages of 2 relations"))

        let dropped = try strata(
            "drop", "--store", store, "--relation", "airports", "--io-method", method)
        #expect(dropped.code == 0)
        #expect(dropped.output == "dropped airports: 3376 rows, 36 pages\n")
        #expect(dropped.errors.isEmpty)
        #expect(try strata("relations", "--store", store).lines.count == 2)
        #expect(
            try strata("verify", "--store", store).output.hasPrefix(
                "no damage: checked 1 page of 1 relation"))
        let again = try strata("drop", "--store", store, "--relation", "airports")
        #expect(again.code == 1)
        #expect(again.errors.hasPrefix("strata: there is no relation \"airports\""))
    }

    @Test func damageIsNamedAndEndsWithOne() throws {
        #expect(
            try strata("load", airports, "--store", store, "--relation", "airports").code == 0)
        let file = store + "/base/1/16384"
        let handle = try #require(FileHandle(forUpdatingAtPath: file))
        for block in [3, 30] {
            try handle.seek(toOffset: UInt64(block * 8192 + 8000))
            try handle.write(contentsOf: Data([0xAA, 0x55]))
        }
        try handle.close()
        let verified = try strata("verify", "--store", store)
        #expect(verified.code == 1)
        let lines = verified.errors.split(separator: "\n")
        #expect(lines.count == 2)
        for (line, block) in zip(lines, [3, 30]) {
            #expect(
                line.hasPrefix(
                    "strata: relation \"airports\", fork main, block \(block),"
                        + " file \"base/1/16384\": checksum"))
        }
        #expect(verified.output.hasPrefix("2 found damaged: checked 36 pages"))
        let scanned = try strata(
            "scan", "--store", store, "--relation", "airports", "--format", "none")
        #expect(scanned.code == 1)
        #expect(
            scanned.errors.hasPrefix(
                "strata: relation \"airports\", fork main, block 3: checksum"),
            "\(scanned.errors)")
        #expect(scanned.errors.contains("Run strata verify"))
        #expect(!scanned.errors.contains("zeroesDamagedPages"))
        // Other relations are unaffected.
        try load("small", "a\n1\n")
        #expect(try strata("verify", "--store", store, "--relation", "small").code == 0)
        #expect(
            try strata(
                "verify", "--store", store, "--relation", "small", "--relation", "airports"
            ).code == 1)
    }

    @Test func aPageOverwrittenWithZeroesIsMissed() throws {
        #expect(
            try strata("load", airports, "--store", store, "--relation", "airports").code == 0)
        let handle = try #require(FileHandle(forUpdatingAtPath: store + "/base/1/16384"))
        try handle.seek(toOffset: 7 * 8192)
        try handle.write(contentsOf: Data(count: 8192))
        try handle.close()
        let verified = try strata("verify", "--store", store)
        #expect(verified.code == 1)
        #expect(
            verified.errors
                == "strata: relation \"airports\", fork main, block 7, file \"base/1/16384\": all"
                + " zeroes, where loads left rows\n")
        #expect(
            verified.output.hasPrefix(
                "1 found damaged: checked 36 pages (1 is all zeroes) of 1 relation"))
    }

    @Test func missingFilesAreNamed() throws {
        #expect(
            try strata("load", airports, "--store", store, "--relation", "airports").code == 0)
        try FileManager.default.removeItem(atPath: store + "/base/1/16384")
        let verified = try strata("verify", "--store", store)
        #expect(verified.code == 1)
        #expect(
            verified.errors
                == "strata: relation \"airports\", fork main, file \"base/1/16384\":"
                + " the file is missing\n")
        let scanned = try strata("scan", "--store", store, "--relation", "airports")
        #expect(scanned.code == 1)
        #expect(scanned.output.isEmpty, "no part is taken for the whole")
        #expect(try strata("drop", "--store", store, "--relation", "airports").code == 0)
        #expect(try strata("verify", "--store", store).code == 0)
    }

    @Test(arguments: ["0", "-1", "nan", "inf", "1e300"])
    func simulatingTakesAPossibleTime(_ minutes: String) throws {
        let outcome = try strata("simulate", "--seeds", "1", "--minutes=\(minutes)")
        #expect(outcome.code == 64)
        #expect(outcome.errors.contains("--minutes must be more than 0"), "\(outcome.errors)")
    }

    @Test(arguments: ["relations", "verify"])
    func storesThatAreNone(_ command: String) throws {
        func expectFailure(_ text: String, _ path: String) throws {
            let outcome = try strata(command, "--store", path)
            #expect(outcome.code == 1)
            #expect(outcome.output.isEmpty)
            #expect(outcome.errors.hasPrefix("strata: "))
            #expect(outcome.errors.contains(text), "\(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1)
        }
        try expectFailure("there is no store", store)
        #expect(!FileManager.default.fileExists(atPath: store))
        try expectFailure("is not a directory", airports)
        try expectFailure("not a Strata store", HouseTests.root.appending(path: "Fixtures").path)
        try load("t", "a\n1\n")
        try Data("garbage".utf8).write(to: URL(filePath: store + "/strata.catalog"))
        try expectFailure("the catalog is damaged", store)
        try Data("garbage".utf8).write(to: URL(filePath: store + "/strata.control"))
        try expectFailure("not a Strata store", store)
    }

    @Test func commandLinesThatAreNotUnderstood() throws {
        for arguments in [
            ["verify"], ["drop", "--store", store], ["frobnicate"], ["relations", "--colour"],
            ["verify", "--store", store, "--io-method", "telepathy"],
            ["verify", "--store", store, "--buffers", "lots"],
            ["scan", "--store", store, "--relation", "t", "--limit", "-1"],
            ["scan", "--store", store, "--relation", "t", "--limit", "few"],
            ["verify", "--store", store, "--buffers", "1kB"],
            ["verify", "--store", store, "--buffers", "99999999999999999999"],
        ] {
            let outcome = try Tool.run(arguments)
            #expect(outcome.code == 64, "\(arguments)")
            #expect(outcome.errors.hasPrefix("strata: "), "\(outcome.errors)")
            #expect(outcome.errors.contains("Usage: strata"))
            #expect(outcome.output.isEmpty)
        }
        #expect(!FileManager.default.fileExists(atPath: store))
    }

    @Test func limits() throws {
        try load("t", "a\n1\n2\n")
        for (limit, rows) in [("0", "a\n"), ("1", "a\n1\n"), ("3", "a\n1\n2\n")] {
            let scanned = try strata("scan", "--store", store, "--relation", "t", "--limit", limit)
            #expect(scanned.output == rows)
        }
        let refused = try strata("scan", "--store", store, "--relation", "t", "--limit", "-1")
        #expect(
            refused.errors.hasPrefix(
                "strata: --limit must be a number of rows, 0 or more, not \"-1\"."),
            "\(refused.errors)")
    }

    @Test func helpIsForStrangers() throws {
        let help = try strata("--help")
        #expect(help.code == 0 && help.errors.isEmpty)
        for command in ["load", "scan", "relations", "verify", "drop"] {
            #expect(help.output.contains("  \(command) "))
            let own = try strata(command, "--help")
            #expect(own.code == 0)
            #expect(own.output.contains("--store <directory>"))
            #expect(own.output.contains("--io-method"))
        }
        #expect(help.output.contains("64 if"))
    }

    @Test func aStoreInUseNamesItsHolder() throws {
        try load("t", "a\n1\n")
        let (process, input) = try Tool.start(
            ["load", "-", "--store", store, "--relation", "u", "--schema", "a bigint"])
        defer { try? input.close() }
        // The load opens the store once it has looked at the first 64 KiB.
        try input.write(contentsOf: Data(("a\n" + String(repeating: "5\n", count: 50_000)).utf8))
        // Reads the lock file instead of trying to open, which would keep the other process out.
        let holder = "\(process.processIdentifier)"
        try TestThreads.waitOrFail("the other process to open the store") {
            let lock = try? String(contentsOfFile: store + "/strata.lock", encoding: .utf8)
            return lock?.trimmingCharacters(in: .whitespacesAndNewlines) == holder
        }
        let refused = try strata("verify", "--store", store)
        #expect(refused.code == 1)
        #expect(refused.errors.contains("is in use by process \(process.processIdentifier)"))
        try input.close()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(try strata("relations", "--store", store).lines.count == 3)
    }

    @Test func aKilledLoadLeavesTheStoreAsItWas() throws {
        try load("t", "a\n1\n2\n3\n", "--schema", "a bigint")
        let before = try strata("scan", "--store", store, "--relation", "t")
        for (round, mode) in ["--append", "--replace", "new"].enumerated() {
            var arguments = ["load", "-", "--store", store, "--buffers", "256kB"]
            arguments += ["--relation", mode == "new" ? "u" : "t"]
            if mode != "--append" { arguments += ["--schema", "a bigint"] }
            if mode != "new" { arguments.append(mode) }
            let (process, input) = try Tool.start(arguments)
            // More than the reader and the pool hold, so that pages are on disk when the end comes.
            let rows = String(repeating: "1234567890123\n", count: 250_000)
            try input.write(contentsOf: Data(("a\n" + rows).utf8))
            try TestThreads.waitOrFail("pages to be written, round \(round)") {
                try size() > 100 * 8192
            }
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            try? input.close()
            let listed = try strata("relations", "--store", store)
            #expect(listed.lines.count == 2)
            #expect(listed.errors.contains("unfinished load"), "\(listed.errors)")
            #expect(try strata("recover", "--store", store).code == 0)
            #expect(try size() <= 8192)
            #expect(try strata("scan", "--store", store, "--relation", "t").output == before.output)
            #expect(try strata("verify", "--store", store).code == 0)
        }
    }

    /// Bytes in the files of relations.
    private func size() throws -> Int {
        let base = store + "/base/1"
        return try FileManager.default.contentsOfDirectory(atPath: base).reduce(0) { sum, name in
            let attributes = try? FileManager.default.attributesOfItem(atPath: "\(base)/\(name)")
            return sum + (attributes?[.size] as? Int ?? 0)
        }
    }
}
