internal import ArgumentParser
internal import CPlatform
internal import FileAccess
internal import RelationLoader
internal import Strata
internal import Threads

/// The command line tool `strata`.
///
/// All of it runs on the main thread, since it blocks, and Swift's cooperative pool must not block.
@main
struct StrataTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "strata",
        abstract: "Keep relations in a store: load them from CSV, scan them, check them.",
        discussion: """
            A store is a directory. It holds relations, each a row of 8 KiB pages in PostgreSQL's \
            format; one process at a time can have it open.

            Exit codes: 0 on success; 1 if the command failed, found damage, or could not print \
            all of its output (its changes to a store are made in that case); 64 if the command \
            line is wrong; 128 plus the signal's number if a signal ended it. Only `postgres \
            verify` tells damage (1) from what it could not check (2), the whole directory \
            included.
            """,
        version: "0.1.0",
        subcommands: [
            LoadCommand.self, ScanCommand.self, RelationsCommand.self, VerifyCommand.self,
            PostgresCommand.self, InspectCommand.self, RecoverCommand.self, DropCommand.self,
            CopyCommand.self,
            CompactCommand.self, SimulateCommand.self, BenchCommand.self,
        ])

    static func main() {
        StandardDescriptors.fill()
        Interruption.expectFailingWrites()
        // With all the threads of an IO method, an arena each would take gigabytes of address
        // space.
        strata_limit_arenas(mostArenas)
        end(run(Array(arguments.dropFirst()), in: ToolEnvironment()))
    }

    private static let mostArenas: CInt = 8

    /// The process's arguments. `CommandLine.arguments` would repair those that are not UTF-8,
    /// which would then name other files. On Linux, `CommandLine` has none at all where `/proc` is
    /// not mounted, as in some rescue systems.
    private static var arguments: [String] {
        let count = strata_argument_count()
        return (0..<(count > 0 ? count : CommandLine.argc)).compactMap { index in
            let argument =
                count > 0
                ? unsafe strata_argument(index)
                : unsafe UnsafePointer(CommandLine.unsafeArgv[Int(index)])
            guard let argument = unsafe argument else { return nil }
            let bytes = unsafe UnsafeRawBufferPointer(start: argument, count: strlen(argument))
            return unsafe PathBytes.string(Array(bytes))
        }
    }

    /// Runs one command and returns its exit code.
    ///
    /// - Parameters:
    ///   - arguments: the arguments after the tool's name, encoded by ``PathBytes``.
    ///   - environment: where it prints, and what it works on.
    static func run(_ arguments: [String], in environment: ToolEnvironment) -> CInt {
        var failureCode: CInt = 1
        let code = ToolEnvironment.$current.withValue(environment) {
            perform(arguments, &failureCode)
        }
        return environment.exitCode(after: code, failure: failureCode)
    }

    /// - Parameter failureCode: receives the exit code with which the command fails.
    private static func perform(_ arguments: [String], _ failureCode: inout CInt) -> CInt {
        do {
            var command = try parseAsRoot(arguments)
            if command is PostgresVerifyCommand { failureCode = PostgresVerifyCommand.failureCode }
            do {
                try command.run()
                return 0
            } catch let error where isOwn(error) {
                printMessage("strata: \(OptionNames.translated("\(error)"))")
                return failureCode
            }
        } catch {
            return report(error)
        }
    }

    /// Whether an error is the store's or the loader's, whose text is complete.
    private static func isOwn(_ error: any Error) -> Bool {
        error is StorageError || error is LoadError || error is LoaderError || error is SchemaError
            || error is ToolError
    }

    /// Prints what the parser reports: requested help, or an error in the command line.
    private static func report(_ error: any Error) -> CInt {
        let code = exitCode(for: error)
        if code.isSuccess {
            ToolEnvironment.current.standardOutput.write(lines: fullMessage(for: error) + "\n")
            return 0
        }
        let message = message(for: error)
        if !message.isEmpty {
            ToolEnvironment.current.standardError.write(lines: "strata: \(message)\n")
        }
        if code == .validationFailure {
            // The parser's own first lines repeat the message.
            let usage = fullMessage(for: error).split(separator: "\n").drop {
                !$0.hasPrefix("Usage:")
            }
            if !usage.isEmpty {
                ToolEnvironment.current.standardError.write(
                    lines: usage.joined(separator: "\n") + "\n")
            }
            return 64
        }
        return code.rawValue
    }
}

/// The C function, which the parser's own hides within the type.
private func end(_ code: CInt) -> Never { exit(code) }
