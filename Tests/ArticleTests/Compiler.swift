import Foundation
import StorageTesting
import Testing

/// The compiler, and the built modules as one library to link programs with.
struct Compiler: Sendable {
    /// What a process came to.
    struct Outcome {
        let code: Int32
        let output: String
    }

    private let compiler: URL

    /// Where the built modules and the objects are: beside the tests.
    private static let products = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()

    /// The compiler that the search path names; nil if there is none.
    static let executable: URL? = {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return path.split(separator: ":").map { URL(filePath: "\($0)/swiftc") }.first {
            FileManager.default.isExecutableFile(atPath: $0.path())
        }
    }()

    /// One for all tests: making the library takes some seconds.
    static let shared = Result { try Compiler() }

    /// Modules with a `main` of their own.
    private static let programs: Set = [
        "StrataTool", "CrashClient", "Harm", "RadosClient", "strataPackageDiscoveredTests",
    ]

    private init() throws {
        compiler = try #require(Self.executable)
        let library = Self.products.appending(path: "libsnippets.so").path()
        let outcome = try run(
            compiler, ["-emit-library", "-o", library, "-luring", "-lzstd"] + Self.objects())
        try #require(outcome.code == 0, "\(outcome.output)")
    }

    /// The objects of all modules that have no `main` and are no tests, as the build last linked
    /// them: what it left behind of sources that are gone is not among them.
    private static func objects() throws -> [String] {
        let list = products.appending(path: "strataPackageTests.product/Objects.LinkFileList")
        let objects = try String(contentsOf: list, encoding: .utf8).split(separator: "\n")
        // Paths with a space are quoted in the list.
        let paths = objects.map { path in
            path.hasPrefix("'") ? String(path.dropFirst().dropLast()) : String(path)
        }
        return paths.filter { object in
            guard let folder = object.split(separator: "/").last(where: { $0.hasSuffix(".build") })
            else { return false }
            let module = folder.dropLast(".build".count)
            return !module.hasSuffix("Tests") && !programs.contains(String(module))
        }
    }

    /// The module maps of targets in C: those that the build made, and those of the packages.
    private static func modules() throws -> [String] {
        let files = FileManager.default
        let made = try files.contentsOfDirectory(atPath: products.path())
            .map { "\(products.path())\($0)/module.modulemap" }
        let packages = products.appending(path: "../../checkouts").standardizedFileURL.path()
        let given = try files.contentsOfDirectory(atPath: packages).flatMap { package in
            let sources = "\(packages)/\(package)/Sources"
            return (try? files.contentsOfDirectory(atPath: sources))?
                .map { "\(sources)/\($0)/include/module.modulemap" } ?? []
        }
        return (made + given).filter { files.fileExists(atPath: $0) }
    }

    /// Compiles a program, and runs it unless it is only to be compiled.
    func execute(_ snippet: Snippet, in place: TemporaryDirectory) throws -> Outcome {
        let source = place.path + "/main.swift"
        try snippet.code.write(toFile: source, atomically: false, encoding: .utf8)
        let sources = Snippet.root.appending(path: "Sources").path()
        var arguments = [
            "-swift-version", "6", source, "-o", place.path + "/snippet",
            "-module-cache-path", Self.products.appending(path: "ModuleCache").path(),
            "-I", Self.products.appending(path: "Modules").path(),
        ]
        for module in ["CLiburing", "CZstd"] {
            arguments += ["-Xcc", "-fmodule-map-file=\(sources)/\(module)/module.modulemap"]
        }
        for map in try Self.modules() { arguments += ["-Xcc", "-fmodule-map-file=\(map)"] }
        arguments += [
            "-L", Self.products.path(), "-lsnippets", "-Xlinker", "-rpath", "-Xlinker",
            Self.products.path(),
        ]
        if let companion = snippet.companion {
            arguments.append(Snippet.root.appending(path: companion).path())
        }
        let compiled = try run(compiler, arguments)
        if compiled.code != 0 || snippet.whyNotRun != nil { return compiled }
        return try run(URL(filePath: place.path + "/snippet"), [], in: place.path)
    }

    private func run(_ executable: URL, _ arguments: [String], in place: String? = nil) throws
        -> Outcome
    {
        let process = Process()
        let output = Pipe()
        process.executableURL = executable
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        if let place { process.currentDirectoryURL = URL(filePath: place) }
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Outcome(
            code: process.terminationStatus, output: String(decoding: data, as: UTF8.self))
    }
}
