internal import Strata

/// What a command works with besides its arguments: where it prints, and the file system below the
/// stores it opens.
///
/// Commands read it from ``current`` on the thread that runs them; other threads are given what
/// they need. Tests run commands over a file system of their own with ``StrataTool/run(_:in:)``.
final class ToolEnvironment: Sendable {
    /// Where results go.
    let standardOutput: ToolOutput
    /// Where messages and progress go.
    let standardError: ToolOutput
    /// The file system for engines.
    let fileSystem: any FileSystem
    /// Executes IO on its descriptors; nil for the kernel.
    let ioExecutor: (any IOExecutor)?
    /// Whether commands end in good order on SIGINT and similar signals. False in tests, which
    /// share their process.
    let heedsSignals: Bool

    /// The environment of the command that the calling thread runs.
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

    /// The final exit code: that of a failure instead of 0 if output was lost.
    func exitCode(after code: CInt, failure failureCode: CInt) -> CInt {
        standardOutput.finish()
        if let failure = standardOutput.failure {
            let isDone = code == 0 ? "; the command itself succeeded" : ""
            standardError.write(
                "strata: \(standardOutput.name) could not be written: \(failure)\(isDone)")
        }
        let isComplete = standardOutput.failure == nil && standardError.failure == nil
        return code == 0 && !isComplete ? failureCode : code
    }
}

/// Prints a line of a command's result.
func printLine(_ line: String) { ToolEnvironment.current.standardOutput.write(line) }

/// Prints a message for people, apart from the result.
func printMessage(_ line: String) { ToolEnvironment.current.standardError.write(line) }
