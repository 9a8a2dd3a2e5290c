import AsyncIO
import Foundation
import StorageTesting
import Testing

@testable import StrataTool

///
/// Reading commands give right rows and then an error, whatever fails. Commands that change
/// something do all of it or nothing, and what they acknowledge is there.
/// something do all of it or nothing, and what they acknowledge is there.
@Suite("Commands on a failing file system", .serialized)
struct FailingCommandTests {
    private let directory = TemporaryDirectory()
    private var store: String { "\(directory.path)/store" }
    private let rows: [String: String]

    /// A store with a relation of each kind, made without faults.
    init() throws {
        let small = Self.csv(0..<400)
        let large = Self.csv(0..<900)
        rows = ["plain": large, "small": small, "packed": large]
        for (name, manager) in [
            ("plain", "magnetic"), ("small", "magnetic"), ("packed", "compressed"),
        ] {
            let file = try file(name, rows[name]!)
            let run = try run(["load", file, "--relation", name, "--manager", manager])
            try #require(run.code == 0, "\(run)")
        }
    }

    private static func csv(_ range: Range<Int>) -> String {
        range.reduce(into: "n,t\n") { $0 += "\($1),row \($1) of some\n" }
    }

    private func file(_ name: String, _ text: String) throws -> String {
        let path = "\(directory.path)/\(name).csv"
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        return path
    }

    /// The kernel executes the IO on a ring, so there only the blocking calls fail: opening,
    /// listing, measuring, lengthening, shortening and syncing files, and reading and writing the
    /// store's own files. The other methods cover failing IO of pages.
    private static let methods = IOMethodMatrix.real.map(\.choice.name)

    private struct Run: CustomStringConvertible {
        let arguments: [String]
        let code: CInt
        let output: String
        let errors: String
        var description: String { "\(arguments): \(code), \(errors.suffix(600))" }
    }

    /// Runs a command in this process.
    private func run(
        _ arguments: [String], over files: FailingFileSystem? = nil, method: String = "sync"
    ) throws -> Run {
        let (output, errors) = ("\(directory.path)/output", "\(directory.path)/errors")
        let descriptors = [output, errors].map { (path: String) -> CInt in
            open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        }
        defer { for descriptor in descriptors { close(descriptor) } }
        let standardOutput = ToolOutput(descriptors[0], name: "standard output")
        let standardError = ToolOutput(descriptors[1], name: "standard error")
        let environment =
            files.map {
                ToolEnvironment(
                    standardOutput: standardOutput, standardError: standardError, fileSystem: $0,
                    ioExecutor: method == "io_uring" ? nil : $0, heedsSignals: false)
            }
            ?? ToolEnvironment(
                standardOutput: standardOutput, standardError: standardError, heedsSignals: false)
        let all = arguments + ["--store", store, "--io-method", method]
        let code = StrataTool.run(all, in: environment)
        return Run(
            arguments: all, code: code, output: try String(contentsOfFile: output, encoding: .utf8),
            errors: try String(contentsOfFile: errors, encoding: .utf8))
    }

    /// The store's files and their bytes, except the lock.
    private func contents() throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: store)
        where name != "strata.lock" {
            contents[name] = FileManager.default.contents(atPath: "\(store)/\(name)") ?? Data()
        }
        return contents
    }

    /// Sets of faults, each rare enough that commands make progress.
    private static let faults: [FailingFileSystem.Faults] = [
        .init(read: 0.05), .init(short: 0.5), .init(write: 0.05), .init(full: 0.05),
        .init(sync: 0.2), .init(names: 0.03),
        .init(read: 0.01, short: 0.2, write: 0.01, full: 0.01, sync: 0.02, names: 0.01),
    ]

    @Test(arguments: methods)
    func readingGivesRightRowsThenAnError(_ method: String) throws {
        let before = try contents()
        var (failures, faults) = (0, 0)
        for round in 0..<14 {
            let files = FailingFileSystem(
                seed: IOMethodMatrix.seed &+ UInt64(round), Self.faults[round % 7])
            for command in [["verify"], ["relations"], ["recover", "--dry-run"]] {
                let run = try run(command, over: files, method: method)
                #expect([0, 1].contains(run.code), "seed \(IOMethodMatrix.seed): \(run)")
            }
            for (name, right) in rows {
                let run = try run(["scan", "--relation", name], over: files, method: method)
                #expect([0, 1].contains(run.code), "seed \(IOMethodMatrix.seed): \(run)")
                let isRight =
                    run.code == 0 ? run.output == right : right.hasPrefix(run.output)
                #expect(isRight, "seed \(IOMethodMatrix.seed): \(run)")
                if run.code != 0 { failures += 1 }
            }
            faults += files.faultCount
        }
        #expect(try contents() == before)
        #expect(failures > 0 && faults > 0)
    }

    @Test(arguments: methods)
    func readingNeedsNoSync(_ method: String) throws {
        let files = FailingFileSystem(seed: 1, .init(write: 1, full: 1, sync: 1))
        for command in [["verify"], ["relations"], ["recover", "--dry-run"]] {
            let run = try run(command, over: files, method: method)
            #expect(run.code == 0, "\(run)")
        }
        for (name, right) in rows {
            let run = try run(["scan", "--relation", name], over: files, method: method)
            #expect(run.code == 0 && run.output == right, "\(run)")
        }
        #expect(files.faultCount == 0)
    }

    @Test(arguments: methods)
    func changesAreAllOrNothing(_ method: String) throws {
        var expected = rows
        var random = SplitMix64(seed: IOMethodMatrix.seed, stream: 18)
        var done = 0
        for round in 0..<21 {
            let files = FailingFileSystem(
                seed: IOMethodMatrix.seed &+ UInt64(round), Self.faults[round % 7])
            let fresh = Self.csv(round * 1000..<round * 1000 + 200)
            let file = try file("fresh", fresh)
            let names = expected.keys.sorted()
            let name = names[random.below(names.count)]
            var (target, after): (String, String?) = (name, expected[name])
            var command: [String]
            switch random.below(6) {
            case 0:
                target = "new\(round)"
                (command, after) = (["load", file, "--relation", target], fresh)
            case 1:
                command = ["load", file, "--relation", name, "--append"]
                after = expected[name]! + fresh.dropFirst(4)
            case 2:
                (command, after) = (["load", file, "--relation", name, "--replace"], fresh)
            case 3:
                target = "copy\(round)"
                command = ["copy", "--from", name, "--to", target, "--manager", "compressed"]
                after = expected[name]
            case 4 where expected.count > 2:
                (command, after) = (["drop", "--relation", name], nil)
            default: command = ["compact"]
            }
            let run = try run(command, over: files, method: method)
            #expect([0, 1].contains(run.code), "seed \(IOMethodMatrix.seed): \(run)")
            if run.code == 0 { done += 1 }
            // What a command says that it has done, it need not do again.
            let saysSo = ["loaded ", "copied "].contains { run.output.contains($0) }
            #expect(run.code == 0 || !saysSo, "seed \(IOMethodMatrix.seed): \(run)")
            try judge(run, target, after, &expected)
        }
        #expect(done > 0)
    }

    /// Checks that everything acknowledged is there, and all or nothing of what failed.
    private func judge(
        _ run: Run, _ target: String, _ after: String?, _ expected: inout [String: String]
    ) throws {
        let before = expected[target]
        if run.code == 0 { expected[target] = after }
        for name in Set(expected.keys).union([target]) {
            let scan = try self.run(["scan", "--relation", name])
            let isGone = scan.code == 1 && scan.errors.contains("no relation")
            let found: String? = scan.code == 0 ? scan.output : nil
            #expect(scan.code == 0 || isGone, "seed \(IOMethodMatrix.seed), after \(run): \(scan)")
            if name == target && run.code != 0 {
                let isEither = found == before || found == after
                #expect(isEither, "seed \(IOMethodMatrix.seed), after \(run): \(scan)")
                expected[name] = found
            } else {
                let isThere = found == expected[name]
                #expect(isThere, "seed \(IOMethodMatrix.seed), after \(run): \(scan)")
                expected[name] = found
            }
        }
        let verified = try self.run(["verify"])
        #expect(verified.code == 0, "seed \(IOMethodMatrix.seed), after \(run): \(verified)")
    }
}
