#if RADOS
    import AsyncIO
    import Glibc
    import Logging
    import RadosDisk
    import StorageManager
    import StorageTesting

    /// A program that changes a relation in a cluster until it is killed or its time is over, and
    /// measures. `.ci/rados` starts, kills and pauses it. It prints errors on standard output.
    ///
    ///     RadosClient run POOL/NAMESPACE LOG SEED SECONDS [PREVIOUS] check what a log says, then
    ///     write RadosClient bench POOL/NAMESPACE write|read|random DEPTH SECONDS
    ///
    /// It exits with 3 once it was fenced, and with 1 for a violation.
    @main
    enum RadosClient {
        static func main() {
            let arguments = CommandLine.arguments
            guard arguments.count == 6 || arguments.count == 7 else {
                fail(
                    "usage: RadosClient run PLACE LOG SEED SECONDS | bench PLACE KIND DEPTH SECONDS"
                )
            }
            var failure: StorageError?
            do throws(StorageError) {
                let stand = try Stand(
                    arguments[2], timeoutSeconds: environment("STRATA_RADOS_TIMEOUT"))
                do throws(StorageError) {
                    try run(stand, arguments)
                } catch {
                    failure = error
                }
                // Ends in order even then, since the library's threads must not outlive the
                // process's end.
                stand.end()
            } catch {
                failure = error
            }
            guard let failure else { return }
            say("error \(failure.code): \(failure)")
            exit(failure.code == .fenced ? 3 : 1)
        }

        private static func run(_ stand: Stand, _ arguments: [String]) throws(StorageError) {
            let seconds = Double(arguments[5]) ?? 1
            guard arguments[1] == "run" else {
                let measurement = Measurement(stand, depth: Int(arguments[4]) ?? 16)
                return try measurement.run(arguments[3], seconds: seconds)
            }
            let previous = arguments.count > 6 ? arguments[6] : arguments[3]
            var work = Work(
                stand, AcknowledgementLog(arguments[3], previous: previous),
                UInt64(arguments[4]) ?? 0)
            try work.run(seconds: seconds)
        }

        static func environment(_ name: String) -> Int? {
            getenv(name).flatMap { Int(String(cString: $0)) }
        }

        /// Writes a line at once, since what is in a pipe outlives the process.
        static func say(_ line: String) {
            let bytes = Array((line + "\n").utf8)
            _ = write(1, bytes, bytes.count)
        }

        static func fail(_ message: String) -> Never {
            say("violation \(message)")
            _exit(1)
        }
    }

    /// A manager and all it needs, and one relation.
    final class Stand {
        let system: IOSystem
        let session: Session
        let disk: RadosDisk
        let registry: StorageManagerRegistry
        let storage: any RelationStorage

        init(_ place: String, timeoutSeconds: Int?) throws(StorageError) {
            var settings = IOConfiguration()
            settings.concurrency = .fixed(64)
            settings.maximumSessions = 2
            settings.logger = Logger(label: "rados-client") { _ in SwiftLogNoOpLogHandler() }
            system = try IOSystem(configuration: settings)
            session = try system.makeSession()
            let parts = place.split(separator: "/").map(String.init)
            var configuration = RadosConfiguration(
                pool: parts[0], namespace: parts.count > 1 ? parts[1] : "")
            configuration.livenessSeconds = 1
            if let timeoutSeconds { configuration.timeoutSeconds = timeoutSeconds }
            disk = try RadosDisk(system: system, configuration: configuration)
            registry = try StorageManagerRegistry(system: system)
            let id = StorageManagerID(rawValue: 9)
            try registry.register(disk, id: id)
            storage = try registry.open(
                RelationLocator(database: 1, number: 1), managedBy: id
            ).storage
            try storage.create(.main, ifMissing: true)
        }

        func end() {
            registry.shutdown(session: session)
            session.close()
        }

        /// Starts an IO on neighbouring blocks.
        func start(
            _ operation: IOOperation, _ block: UInt32, _ pages: [PageAddress],
            reporting outcome: IOReturn
        ) throws(StorageError) -> WaitReference {
            let handle = try session.acquireHandle(reporting: outcome)
            let reference = handle.waitReference
            if operation == .read {
                try storage.startRead(
                    handle, .main, block: BlockNumber(block), into: pages.span)
            } else {
                try storage.startWrite(
                    handle, .main, block: BlockNumber(block), from: pages.span, sync: .register)
            }
            return reference
        }
    }
#else
    import Glibc

    @main
    enum RadosClient {
        static func main() {
            print("built without the trait RADOS")
            exit(2)
        }
    }
#endif
