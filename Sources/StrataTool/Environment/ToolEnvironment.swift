internal import Strata

/// What a command of the tool works with besides its arguments: where it prints, and the file
/// system under the stores it opens.
///
/// Commands take it from ``current`` on the thread that runs them; what runs on other threads is
/// given what it needs. Tests run commands over a file system of their own with
/// ``StrataTool/run(_:in:)``.
final class ToolEnvironment: Sendable {
    /// Where results go.
    let standardOutput: ToolOutput
    /// Where messages and progress go.
    let standardError: ToolOutput
    /// The file system that engines are opened with.
    let fileSystem: any FileSystem
    /// What executes IO that is started on its descriptors; nil for the kernel.
    let ioExecutor: (any IOExecutor)?
    /// Whether commands end in good order on SIGINT and the like. Not in tests, which share their
    /// process with others.
    let heedsSignals: Bool

    /// That of the command that the calling thread runs.
    @TaskLocal static var current = ToolEnvironment()

    init(
        standardOutput: ToolOutput = ToolOutput(1, name: "standard output"),
        standardError: ToolOutput = ToolOutput(2, name: "standard error"),
        fileSystem: any FileSystem = KernelFileSystem(),
        ioExecutor: (any IOExecutor)? = nil, heedsSignals: Bool = true
    ) {
        self.standardOutput = standardOutput
        self.standardError = standardError
        self.fileSystem = fileSystem
        self.ioExecutor = ioExecutor
        self.heedsSignals = heedsSignals
    }

    /// What a command ends with, after all that it printed: 1 in place of 0 where some was lost.
    func exitCode(after code: CInt) -> CInt {
        standardOutput.finish()
        if let failure = standardOutput.failure {
            let isDone = code == 0 ? "; what the command was to do is done" : ""
            standardError.write(
                "strata: \(standardOutput.name) could not be written: \(failure)\(isDone)")
        }
        let isComplete = standardOutput.failure == nil && standardError.failure == nil
        return code == 0 && !isComplete ? 1 : code
    }
}

/// Prints a line of a command's result.
func printLine(_ line: String) { ToolEnvironment.current.standardOutput.write(line) }

/// Prints a line for people beside the result.
func printMessage(_ line: String) { ToolEnvironment.current.standardError.write(line) }
