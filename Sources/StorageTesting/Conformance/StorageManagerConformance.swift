public import AsyncIO
public import FileAccess
public import StorageManager

/// The duties of a storage manager, as a suite that tests any manager with one call.
///
/// ```swift
/// @Test(arguments: IOMethodMatrix.all)
/// func conforms(method: TestedMethod) throws {
///     let suite = StorageManagerConformance { surroundings throws(StorageError) in
///         try MyDisk(files: surroundings.files, system: surroundings.system)
///     }
///     #expect(suite.violations(under: method).isEmpty)
/// }
/// ```
///
/// Each duty is tried on a new manager in a new directory. Blocks the calling thread, and starts
/// threads of its own.
public struct StorageManagerConformance: Sendable {
    /// What to make a manager from.
    public struct Surroundings: Sendable {
        /// The files of a directory of its own; the same directory if a manager is made again.
        public let files: FileAccess
        /// A core that executes IO by the tested method.
        public let system: IOSystem
    }

    /// A duty that a manager violates.
    public struct Violation: Sendable, CustomStringConvertible {
        /// The duty, such as `truncation`.
        public let duty: String
        /// What was observed.
        public let description: String
    }

    typealias Make = @Sendable (Surroundings) throws(StorageError) -> any StorageManager

    private let make: Make

    /// Makes a suite. It calls `make` any number of times to make managers.
    public init(
        make: @escaping @Sendable (Surroundings) throws(StorageError) -> any StorageManager
    ) {
        self.make = make
    }

    /// The names of the duties, in the order in which they are tried.
    public static var duties: [String] { all.map(\.name) }

    /// Tries all duties.
    ///
    /// - Returns: the violations; empty for a manager that conforms.
    public func violations(under method: TestedMethod) -> [Violation] {
        Self.all.flatMap { violations(of: $0, method) }
    }

    /// Tries one duty of ``duties``.
    public func violations(of duty: String, under method: TestedMethod) -> [Violation] {
        Self.all.filter { $0.name == duty }.flatMap { violations(of: $0, method) }
    }

    /// A duty and its check.
    struct Duty: Sendable {
        let name: String
        let check: @Sendable (ConformanceRun) throws -> Void
    }

    private static let all = [
        Duty(name: "declarations") { try $0.checkDeclarations() },
        Duty(name: "life of a fork") { try $0.checkForks() },
        Duty(name: "blocking IO") { try $0.checkBlocking() },
        Duty(name: "started IO") { try $0.checkStarted() },
        Duty(name: "extension") { try $0.checkExtension() },
        Duty(name: "truncation") { try $0.checkTruncation() },
        Duty(name: "the end of a fork") { try $0.checkEnd() },
        Duty(name: "removal") { try $0.checkRemoval() },
        Duty(name: "reopening") { try $0.checkReopening() },
        Duty(name: "durability") { try $0.checkSyncing() },
        Duty(name: "foreign completion") { try $0.checkForeignCompletion() },
        Duty(name: "readers and writers") { try $0.checkThreads() },
        Duty(name: "readers and truncation") { try $0.checkCutting() },
        Duty(name: "failed IO") { try $0.checkFailures() },
        Duty(name: "short IO") { try $0.checkShortIO() },
        Duty(name: "power cuts") { try $0.checkPowerCuts() },
    ]

    private func violations(of duty: Duty, _ method: TestedMethod) -> [Violation] {
        do {
            let run = try ConformanceRun(make, method)
            do {
                try duty.check(run)
            } catch {
                run.report("\(error)")
            }
            run.end()
            return run.reports.map { Violation(duty: duty.name, description: $0) }
        } catch {
            return [Violation(duty: duty.name, description: "could not begin: \(error)")]
        }
    }
}
