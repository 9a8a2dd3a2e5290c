import AsyncIO
import Logging
import RadosDisk
import RadosStore
import StorageManager
import Strata
import Threads

/// A program that changes a store until it is killed, and reports what it does. `KillTests` and
/// `ClusterKillTests` start and kill it. It prints a line before each change, and `ok` once the
/// change is acknowledged. A store `rados:POOL/NAMESPACE` is in the cluster of `CEPH_CONF`.
///
///     crash-client run  STORE METHOD SEED   change the store
///     crash-client take STORE METHOD SEED   print what is in it, then change it
///     crash-client show STORE METHOD        print what is in it
@main
enum CrashClient {
    static func main() {
        let arguments = CommandLine.arguments
        guard arguments.count >= 4, let method = IOMethodChoice.named(arguments[3]) else {
            return fail("usage: crash-client run|take|show STORE METHOD [SEED]")
        }
        do throws(StorageError) {
            var options = EngineOptions()
            options.ioMethod = method
            // A small pool, so that pages are written between the checkpoints as well.
            options.poolBytes = 48 * blockSize
            options.maximumSessions = 4
            options.combineLimit = 8
            options.createdSegmentBlocks = 16
            options.compressedDisk.properties.chunkBytes = 4 * blockSize
            options.logger = Logger(label: "crash-client") { _ in SwiftLogNoOpLogHandler() }
            let engine = try open(arguments[2], options)
            do throws(StorageError) {
                try run(engine, arguments)
            } catch {
                say("error \(error.code): \(error)")
            }
            // In order even after an error: Ceph's threads must not outlive the process's end.
            try engine.close()
        } catch {
            fail("\(error.code): \(error)")
        }
    }

    private static func run(_ engine: Engine, _ arguments: [String]) throws(StorageError) {
        let session = try engine.makeSession()
        defer { session.close() }
        if arguments[1] != "run" { try show(engine, session) }
        if arguments[1] == "show" { return }
        say("open")
        let seed = arguments.count > 4 ? UInt64(arguments[4]) ?? 0 : 0
        let managers = ClusterPlace(arguments[2]) == nil ? ["magnetic", "compressed"] : ["rados"]
        var work = Work(engine, session, managers: managers, seed: seed)
        try work.run()
    }

    private static func open(_ store: String, _ options: EngineOptions) throws(StorageError)
        -> Engine
    {
        guard let place = ClusterPlace(store) else {
            return try Engine.open(store, options: options)
        }
        var configuration = place.configuration(timeoutSeconds: 20)
        configuration.livenessSeconds = 1
        return try Engine.open(inCluster: configuration, options: options)
    }

    /// Writes a line at once, since what is in a pipe outlives the process.
    static func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = write(1, bytes, bytes.count)
    }

    private static func fail(_ message: String) {
        say("error \(message)")
        exit(1)
    }

    private static func show(_ engine: Engine, _ session: Session) throws(StorageError) {
        for description in engine.relations {
            let relation = try engine.relation(named: description.name)
            var marks: [String] = []
            var stream = relation.scan(session: session)
            while let page = try stream.next() { marks.append("\(MarkedPage.mark(of: page))") }
            say("relation \(description.name) \(marks.joined(separator: ","))")
        }
        _ = try engine.verify(
            session: session,
            observer: VerificationObserver { finding in
                // Part of a block behind the end, left by an interrupted extension, is reported
                // until the relation grows. It loses nothing.
                let end = finding.relation.flatMap { engine.description(of: $0)?.blockCount }
                if finding.kind == .wrongLength && finding.block == end { return }
                say("finding \(finding)")
            })
        say("ok")
    }
}
