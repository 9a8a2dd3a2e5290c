import Foundation
import StorageTesting
import Testing

/// The built tool over damaged stores. `Harm` does the damage and judges; `.ci/harm` does more of
/// it.
///
/// A failure prints its seed; `STRATA_SEED=N .build/debug/Harm trials .build/debug/strata --count
/// 1` repeats it.
@Suite("Damaged stores", .serialized)
struct StoreMutationTests {
    private static let products: URL = {
        #if os(macOS)
            let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }
            return (bundle?.bundleURL ?? Bundle.main.bundleURL).deletingLastPathComponent()
        #else
            return URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
                .deletingLastPathComponent()
        #endif
    }()

    /// The same stores in every run, unless a seed is given; `.ci/harm` looks for new ones.
    private static let seed = ProcessInfo.processInfo.environment["STRATA_SEED"] ?? "1"

    private func harm(_ arguments: [String]) throws -> (code: Int32, text: String) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = Self.products.appending(path: "Harm")
        process.arguments = arguments
        process.standardOutput = pipe
        process.environment = ProcessInfo.processInfo.environment.merging([
            "STRATA_SEED": Self.seed
        ]) { $1 }
        try process.run()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    private var tool: String { Self.products.appending(path: "strata").path }

    @Test("300 damaged stores: right rows then an error, and nothing else changes")
    func mutations() throws {
        let (code, text) = try harm(["trials", tool, "--count", "300", "--brief", "--quiet"])
        #expect(code == 0, "\(text.suffix(20_000))")
    }

    @Test("A load is seen to have its store among hundreds of other locks")
    func manyLocks() throws {
        let directory = TemporaryDirectory()
        let held = (0..<400).map { number in
            open("\(directory.path)/\(number)", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        }
        defer { for descriptor in held { close(descriptor) } }
        // By several threads, as the kernel lists the locks of each processor on their own.
        DispatchQueue.concurrentPerform(iterations: held.count) { number in
            #expect(flock(held[number], LOCK_EX) == 0)
        }
        let (code, text) = try harm([
            "trials", tool, "--count", "4", "--kinds", "replacedLock", "--brief", "--quiet",
        ])
        #expect(code == 0, "\(text.suffix(4000))")
    }

    @Test("Killed commands do all or nothing, and acknowledged work is there")
    func kills() throws {
        let (code, text) = try harm(["kills", tool, "--count", "12"])
        #expect(code == 0, "\(text.suffix(20_000))")
    }

    @Test("A tool that hides errors, changes what it reads, or dies is detected")
    func faultyTools() throws {
        let directory = TemporaryDirectory()
        let faults = [
            ("hides", "\"$strata\" \"$@\" || exit 0"),
            (
                "writes",
                "case $1 in verify) echo >> \"$3/strata.catalog\";; esac; exec \"$strata\" \"$@\""
            ),
            ("dies", "case $1 in scan) kill -SEGV $$;; esac; exec \"$strata\" \"$@\""),
            (
                "loses",
                "case $1 in scan) \"$strata\" \"$@\" | sed 5d; exit;; esac; exec \"$strata\" \"$@\""
            ),
        ]
        // The harness's own set-up is not affected.
        let sound = "case $* in */supplies*) exec \"$strata\" \"$@\";; esac"
        for (name, script) in faults {
            let path = "\(directory.path)/\(name)"
            try "#!/bin/sh\nstrata='\(tool)'\n\(sound)\n\(script)\n".write(
                toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
            let bases = "\(directory.path)/bases"
            _ = try harm(["trials", tool, "--count", "1", "--kinds", "bits", "--bases", bases])
            let (code, text) = try harm([
                "trials", path, "--count", "4", "--kinds", "truncation", "--bases", bases,
            ])
            #expect(code == 1, "\(name) is not found: \(text.suffix(4000))")
            #expect(text.contains("FOUND"))
        }
    }
}
