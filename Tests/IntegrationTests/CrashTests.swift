import Foundation
import Strata
import Testing

/// Loads that are ended from outside: the store is unchanged, or has all of the load.
@Suite("strata load: killed and interrupted", .serialized)
struct CrashTests {
    let store = CommandStore()

    private func verify() throws {
        var options = EngineOptions()
        options.ioMethod = .synchronous
        let engine = try Engine.open(store.path, options: options)
        let session = try engine.makeSession()
        var findings: [String] = []
        let report = try engine.verify(
            session: session,
            observer: VerificationObserver(finding: { findings.append("\($0)") }))
        #expect(report.findings == 0, "\(findings)")
        session.close()
        try engine.close()
    }

    /// How many bytes the store's relations take on disk.
    private func size() throws -> Int {
        try FileManager.default.subpathsOfDirectory(atPath: "\(store.path)/base").reduce(0) {
            let attributes = try FileManager.default.attributesOfItem(
                atPath: "\(store.path)/base/\($1)")
            let isFile = attributes[.type] as? FileAttributeType == .typeRegular
            return $0 + (isFile ? (attributes[.size] as? Int ?? 0) : 0)
        }
    }

    @Test("A load killed in the middle, repeatedly, leaves nothing")
    func killed() throws {
        let before = "n,t\n" + (1...500).map { "\($0),row number \($0)\n" }.joined()
        try store.load(before)
        let size = try size()
        let modes = ["--relation u", "--relation t --append", "--relation t --replace"]
        for round in 0..<15 {
            // The load gets rows until it is killed, so it cannot have ended by itself.
            let rows = Int.random(in: 1...150_000)
            let result = try Command.shell(
                """
                mkfifo pipe
                $strata load pipe --store \(Command.quoted(store.path)) \(modes[round % 3]) \
                --schema 'n integer, t text' --buffers 1MB &
                load=$!
                exec 3>pipe
                echo n,t >&3
                awk 'BEGIN { for (n = 1; n <= \(rows); n++) print n ",row number " n }' >&3
                kill -9 $load
                wait $load
                echo $?
                """)
            #expect(result.output == "137\n", "round \(round), \(rows) rows: \(result)")
            #expect(try store.scan() == before, "round \(round), \(rows) rows")
            let recovered = try Command.run("recover", "--store", store.path)
            #expect(recovered.status == 0, "round \(round), \(rows) rows: \(recovered)")
            #expect(try self.size() == size, "round \(round), \(rows) rows")
        }
        try verify()
        let scan = try Command.run("scan", "--store", store.path, "--relation", "u")
        #expect(scan.status == 1)
    }

    @Test("A load killed near its end counts completely or not at all")
    func killedAtTheEnd() throws {
        try store.load("n\n0\n")
        var count = 1
        for _ in 0..<10 {
            let pause = Double.random(in: 0...0.15)
            let result = try Command.shell(
                """
                { echo n; seq 1 3000; } >rows
                $strata load rows --store \(Command.quoted(store.path)) --relation t --append &
                sleep \(pause)
                kill -9 $!
                wait $!
                echo $? >&2
                """)
            let rows = try store.scan().split(separator: "\n").count - 1
            #expect(rows == count || rows == count + 3000, "\(result)")
            if result.errors.hasSuffix("0\n") { #expect(rows == count + 3000) }
            count = rows
        }
        try verify()
    }

    @Test("An interrupted load removes what it wrote", arguments: [SIGINT, SIGTERM])
    func interrupted(_ signal: Int32) throws {
        let before = "n,t\n1,a\n"
        try store.load(before)
        let size = try size()
        let result = try Command.shell(
            """
            mkfifo pipe
            $strata load pipe --store \(Command.quoted(store.path)) --relation u \
            --schema 'n integer, t text' --buffers 1MB &
            load=$!
            exec 3>pipe
            rows() {
                awk "BEGIN { for (n = 1; n <= $1; n++) print n \\",row number \\" n }"
            }
            echo n,t >&3
            rows 50000 >&3
            kill -\(signal) $load
            rows 500000 >&3 2>/dev/null
            wait $load
            echo $?
            """)
        #expect(result.output == "\(128 + signal)\n", "\(result)")
        #expect(
            result.errors.contains("strata: interrupted, nothing was loaded\n"), "\(result)")
        #expect(try self.size() == size)
        #expect(try store.scan() == before)
        try verify()
    }

    @Test("A load that waits for input can be interrupted")
    func interruptedWaiting() throws {
        try store.load("n\n1\n")
        let result = try Command.shell(
            """
            mkfifo pipe
            $strata load pipe --store \(Command.quoted(store.path)) --relation u \
            --schema 'n integer' &
            load=$!
            exec 3>pipe
            echo n >&3
            sleep 0.2
            kill -INT $load
            kill -TERM $load
            wait $load
            echo $?
            """)
        #expect(["130\n", "143\n"].contains(result.output), "\(result)")
        #expect(result.errors.contains("strata: interrupted"), "\(result)")
        #expect(try store.scan() == "n\n1\n")
    }
}
