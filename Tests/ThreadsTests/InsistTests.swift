import Foundation
import StorageTesting
import Testing
import Threads

/// A program's mistakes are named in every build.
@Suite struct InsistTests {
    @Test func theSentenceIsPrinted() async throws {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            insist(1 + 1 == 2, "never said")
            insist(1 + 1 == 3, "one and one are two")
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("one and one are two") && !text.contains("never said"))
    }

    /// What `precondition` does not do.
    @Test func theSentenceIsPrintedByAReleaseBuild() throws {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let compiler = path.split(separator: ":").map { "\($0)/swiftc" }.first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let folder = TemporaryDirectory()
        try "insist(CommandLine.argc == 7, \"seven words are wanted\")\n".write(
            toFile: folder.path + "/main.swift", atomically: true, encoding: .utf8)
        let compiled = try run(
            try #require(compiler),
            [
                "-O", "-o", folder.path + "/program", folder.path + "/main.swift",
                root.appending(path: "Sources/Threads/Insist.swift").path(),
            ])
        try #require(compiled.code == 0, "\(compiled.text)")
        let ended = try run(folder.path + "/program", [])
        #expect(ended.code != 0)
        #expect(ended.text.contains("seven words are wanted"), "\(ended.text)")
    }

    private func run(_ program: String, _ arguments: [String]) throws -> (code: Int32, text: String)
    {
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }
}
