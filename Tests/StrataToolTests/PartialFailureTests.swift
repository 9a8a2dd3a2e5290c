import FileAccess
import Foundation
import StorageTesting
import Testing
import Threads

@testable import StrataTool

/// The kernel's file system, in which files with some names can neither be opened for writing nor
/// removed.
private final class StubbornFileSystem: ForwardingFileSystem {
    let underlying = KernelFileSystem()
    let stubborn = Lock<[String]>([], rank: .observer)

    private func isStubborn(_ path: String) -> Bool {
        stubborn.withLock { $0.contains { path.contains($0) } }
    }

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        isStubborn(path) ? -EIO : underlying.open(path, in: root, flags)
    }

    func unlink(_ path: String, in root: CInt) -> CInt {
        isStubborn(path) ? -EIO : underlying.unlink(path, in: root)
    }
}

/// Commands name what fails, and do the rest.
@Suite("Failures of some of many, within a process") struct PartialFailureTests {
    private let directory = TemporaryDirectory()
    private let fileSystem = StubbornFileSystem()

    private func run(_ arguments: String...) throws -> (code: CInt, output: String, errors: String)
    {
        let paths = ["out", "err"].map { "\(directory.path)/\($0)" }
        let descriptors = paths.map { unsafe open($0, O_RDWR | O_CREAT | O_TRUNC, 0o600) }
        defer { for descriptor in descriptors { close(descriptor) } }
        let environment = ToolEnvironment(
            standardOutput: ToolOutput(descriptors[0], name: "standard output"),
            standardError: ToolOutput(descriptors[1], name: "standard error"),
            fileSystem: fileSystem, heedsSignals: false)
        let code = StrataTool.run(
            arguments + ["--store", "\(directory.path)/store", "--io-method", "sync"],
            in: environment)
        let texts = try paths.map { try String(contentsOfFile: $0, encoding: .utf8) }
        return (code, texts[0], texts[1])
    }

    private func fill() throws {
        #expect(unsafe mkdir("\(directory.path)/store", 0o700) == 0)
        try Data("a,b\n1,x\n2,y\n".utf8).write(to: URL(filePath: "\(directory.path)/rows.csv"))
        for (name, manager) in [("a", "magnetic"), ("b", "compressed"), ("c", "compressed")] {
            let loaded = try run(
                "load", "\(directory.path)/rows.csv", "--relation", name, "--manager", manager)
            #expect(loaded.code == 0, "\(loaded)")
        }
    }

    @Test func orphansThatCannotBeRemoved() throws {
        try fill()
        let base = "\(directory.path)/store/base/1"
        for name in ["20000", "20001", "20002", "20003"] {
            try Data([1]).write(to: URL(filePath: "\(base)/\(name)"))
        }
        fileSystem.stubborn.withLock { $0 = ["20000", "20002"] }
        let result = try run("recover", "--remove-orphans")
        #expect(result.code == 1, "\(result)")
        for name in ["20000", "20002"] {
            #expect(result.errors.contains("base/1/\(name)"), "\(result)")
            #expect(!result.output.contains("removed \"base/1/\(name)\""), "\(result)")
        }
        for name in ["20001", "20003"] {
            #expect(result.output.contains("removed \"base/1/\(name)\""), "\(result)")
            #expect(unsafe access("\(base)/\(name)", F_OK) != 0)
        }
        fileSystem.stubborn.withLock { $0 = [] }
        let rest = try run("recover", "--remove-orphans")
        #expect(rest.code == 0 && rest.output.contains("removed \"base/1/20002\""), "\(rest)")
    }

    @Test func relationsThatCannotBeRead() throws {
        try fill()
        fileSystem.stubborn.withLock { $0 = ["16385."] }
        let listed = try run("relations")
        #expect(listed.code == 1 && listed.errors.contains("relation \"b\""), "\(listed)")
        for name in ["a", "b", "c"] { #expect(listed.output.contains("\n\(name) "), "\(listed)") }
        let compacted = try run("compact")
        #expect(compacted.code == 1, "\(compacted)")
        #expect(compacted.errors.contains("could not compact b:"), "\(compacted)")
        for name in ["a", "c"] {
            #expect(compacted.output.contains("compacted \(name):"), "\(compacted)")
        }
        let verified = try run("verify")
        #expect(verified.code == 1 && verified.errors.contains("relation \"b\""), "\(verified)")
        #expect(verified.output.contains("checked"), "\(verified)")
    }
}

@Suite("The library's settings by the tool's names") struct OptionNamesTests {
    @Test(arguments: [
        (
            "a pool of 1 byte. Set EngineOptions.poolBytes to a value from 1 to 2.",
            "a pool of 1 byte. Set --buffers to a value from 1 to 2."
        ),
        (
            "could not map 8 bytes for 1 pages. Lower the number of buffers, or raise the limit on"
                + " address space.",
            "could not map 8 bytes for 1 pages. Lower --buffers, or raise the limit on address"
                + " space."
        ),
        ("all are open. Close one, or raise IOConfiguration.maximumSessions.", "all are open"),
        (
            "it is so. Check it. Set EngineOptions.tornPageProtection to doubleWrite.",
            "it is so. Check it."
        ),
        (
            "it is so. Set MemoryDiskConfiguration.maximumBytes to 0 or more. Or not.",
            "it is so. Or not."
        ),
        ("file \"Options.csv\" is empty. Check it.", "file \"Options.csv\" is empty. Check it."),
        ("MyOptions.x stays", "MyOptions.x stays"),
    ])
    func translated(_ library: String, _ tool: String) {
        #expect(OptionNames.translated(library) == tool)
    }
}
