import AsyncIO
import Foundation
import StorageTesting
import Testing

/// Commands about many relations or files: they name each that fails, do the rest, and end with
/// exit code 1.
@Suite("Failures of some of many") struct PartialFailureTests {
    private let store = CommandStore()

    /// Relations `a` and `d` in plain files, `b` and `c` compressed.
    private func fill() throws {
        let rows = "a,b\n" + (0..<3000).map { "\($0),text of \($0 &* 2_654_435_761)\n" }.joined()
        for (name, manager) in [
            ("a", "magnetic"), ("b", "compressed"), ("c", "compressed"), ("d", "magnetic"),
        ] {
            let result = try Command.run(
                "load", "-", "--store", store.path, "--relation", name, "--manager", manager,
                "--schema", "a integer, b text", input: rows)
            #expect(result.status == 0, "\(result)")
        }
    }

    private func file(_ number: Int, _ suffix: String = "") -> String {
        "\(store.path)/base/1/\(number)\(suffix)"
    }

    private func shorten(_ path: String, by count: Int) throws {
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        try handle.truncate(atOffset: try handle.seekToEnd() - UInt64(count))
        try handle.close()
    }

    /// The damage to one relation, and how messages must name it.
    static let harms = ["lost chunks", "a missing file", "a short file", "a directory"]

    private func harm(_ kind: String) throws -> String {
        switch kind {
        case "lost chunks":
            try shorten(file(16385, ".chunks"), by: 1)
            return "b"
        case "a missing file":
            try FileManager.default.removeItem(atPath: file(16385, ".chunks"))
            return "b"
        case "a short file":
            try shorten(file(16384), by: 8192)
            return "a"
        default:
            try FileManager.default.removeItem(atPath: file(16384))
            try FileManager.default.createDirectory(
                atPath: file(16384), withIntermediateDirectories: false)
            return "a"
        }
    }

    @Test(arguments: harms, IOMethodMatrix.real.map(\.choice.name))
    func relationsNamesThoseThatAreNotWhole(_ kind: String, _ method: String) throws {
        try fill()
        let whole = try Command.run("relations", "--store", store.path, "--io-method", method)
        #expect(whole.status == 0 && whole.errors.isEmpty, "\(whole)")
        let harmed = try harm(kind)
        let result = try Command.run("relations", "--store", store.path, "--io-method", method)
        #expect(result.status == 1, "\(result)")
        #expect(result.errors.contains("relation \"\(harmed)\""), "\(result)")
        for name in ["a", "b", "c", "d"] {
            let isListed = result.output.split(separator: "\n").contains {
                $0.hasPrefix("\(name) ") && $0.contains("a integer, b text")
            }
            #expect(isListed, "\(name): \(result)")
            if name != harmed {
                #expect(!result.errors.contains("relation \"\(name)\""), "\(result)")
            }
        }
    }

    @Test(arguments: harms) func compactGoesOn(_ kind: String) throws {
        try fill()
        let harmed = try harm(kind)
        let result = try Command.run("compact", "--store", store.path)
        #expect(result.status == 1, "\(result)")
        #expect(result.errors.contains("could not compact \(harmed):"), "\(result)")
        for name in ["a", "b", "c", "d"] where name != harmed {
            #expect(result.output.contains("compacted \(name):"), "\(result)")
        }
    }

    @Test func compactOfNamedRelationsGoesOn() throws {
        try fill()
        let result = try Command.run(
            "compact", "--store", store.path, "--relation", "none", "--relation", "b",
            "--relation", "nothing", "--relation", "d")
        #expect(result.status == 1, "\(result)")
        #expect(result.errors.contains("could not compact none:"), "\(result)")
        #expect(result.errors.contains("could not compact nothing:"), "\(result)")
        #expect(result.output.contains("compacted b:"), "\(result)")
        #expect(result.output.contains("compacted d:"), "\(result)")
    }

    @Test func verifyGoesOn() throws {
        try fill()
        let result = try Command.run(
            "verify", "--store", store.path, "--relation", "none", "--relation", "b",
            "--relation", "nothing")
        #expect(result.status == 1, "\(result)")
        #expect(result.errors.contains("no relation \"none\""), "\(result)")
        #expect(result.errors.contains("no relation \"nothing\""), "\(result)")
        #expect(result.output.contains("of 1 relation,"), "\(result)")
        let none = try Command.run("verify", "--store", store.path, "--relation", "none")
        #expect(none.status == 1 && none.output.isEmpty, "\(none)")
    }

    @Test(arguments: harms) func verifyNamesOneAndChecksTheRest(_ kind: String) throws {
        try fill()
        let harmed = try harm(kind)
        let result = try Command.run("verify", "--store", store.path)
        #expect(result.status == 1, "\(result)")
        #expect(result.errors.contains("relation \"\(harmed)\""), "\(result)")
        #expect(result.output.contains("found damaged"), "\(result)")
    }

    /// Names in a store that are not UTF-8 are told apart, and no storage manager gives such names.
    @Test func namesThatAreNoText() throws {
        try fill()
        let script = """
            cd \(Command.quoted(store.path))/base/1
            odd=$(printf '20000_caf\\351') mended=$(printf '20000_caf\\357\\277\\275')
            echo 1 >"$odd"; echo 2 >"$mended"; echo 3 >"$(printf 'caf\\351')"
            "$strata" recover --store ../.. --remove-orphans
            ls | grep -c caf
            """
        let result = try Command.shell(script)
        #expect(result.output.contains("left \"base/1/20000_caf\\xE9\" alone"), "\(result)")
        #expect(result.output.contains("left \"base/1/20000_caf\u{FFFD}\" alone"), "\(result)")
        #expect(!result.output.contains("removed"), "\(result)")
        #expect(result.output.hasSuffix("\n3\n"), "\(result)")
    }

    #if os(Linux)
        /// Some file systems report lost writes only when a file is closed.
        @Test func rejectsThatAreLostAtTheEnd() throws {
            try fill()
            let compiler = try Command.shell("command -v cc || command -v clang")
            guard compiler.status == 0 else { return }
            let source = """
                #define _GNU_SOURCE
                #include <dlfcn.h>
                #include <errno.h>
                #include <stdio.h>
                #include <string.h>
                #include <unistd.h>
                int close(int descriptor) {
                    char link[64], path[4096];
                    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
                    ssize_t count = readlink(link, path, sizeof path - 1);
                    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "close");
                    int result = real(descriptor);
                    if (count > 7 && memcmp(path + count - 7, "rejects", 7) == 0) {
                        errno = EDQUOT;
                        return -1;
                    }
                    return result;
                }

                """
            _ = try store.file("close.c", source)
            _ = try store.file("rows.csv", "a,b\n1,x\nz,y\n")
            let result = try Command.shell(
                """
                cd \(Command.quoted(store.folder))
                \(compiler.output.split(separator: "\n")[0]) -shared -fPIC -o close.so close.c -ldl
                LD_PRELOAD="$PWD/close.so" "$strata" load rows.csv --store store --relation a \\
                    --append --on-error skip --rejects rejects
                """)
            #expect(result.status == 1, "\(result)")
            #expect(result.errors.contains("rejects"), "\(result)")
            #expect(result.errors.contains("quota"), "\(result)")
            let scanned = try store.scan("a")
            #expect(scanned.split(separator: "\n").count == 3001)
        }
    #endif
}
