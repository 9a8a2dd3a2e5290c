import Foundation
import StorageTesting
import Testing

/// Runs the programs of a PostgreSQL installation on a cluster of its own.
struct InstalledPostgres {
    /// The folder of the newest usable installation. Its programs refuse to run as root, so root
    /// needs a user `postgres` to run them as.
    static let programs: String? = {
        if geteuid() == 0, getpwnam("postgres") == nil { return nil }
        return (14...30).reversed().map { "/usr/lib/postgresql/\($0)/bin" }.first {
            access("\($0)/initdb", X_OK) == 0 && access("\($0)/pg_checksums", X_OK) == 0
        }
    }()

    /// Whether the installation has an extension.
    static func has(_ name: String) -> Bool {
        guard let programs else { return false }
        let share = programs.replacing("/usr/lib/", with: "/usr/share/").dropLast("bin".count)
        return access("\(share)extension/\(name).control", R_OK) == 0
    }

    let folder: TemporaryDirectory
    var data: String { "\(folder.path)/data" }

    init() throws {
        folder = TemporaryDirectory()
        chmod(folder.path, 0o777)
        try run("initdb -D data --data-checksums -U postgres -A trust --no-sync --locale=C -E UTF8")
    }

    /// Runs a script in the cluster's folder, and returns its output. By default it must succeed.
    @discardableResult
    func run(_ script: String, mayFail: Bool = false) throws -> String {
        let file = "\(folder.path)/script"
        try Data("set -e\nPATH=\(Self.programs ?? ""):$PATH\ncd \(folder.path)\n\(script)".utf8)
            .write(to: URL(filePath: file))
        let shell = geteuid() == 0 ? "su postgres -s /bin/sh -c" : "sh -c"
        let output = "\(folder.path)/output"
        // Foundation's `Process` would wait until the started server has ended too.
        let status = system("\(shell) 'sh \(file)' >\(output) 2>&1 </dev/null")
        let text = Command.text(output)
        try #require(mayFail || status == 0, "\(text)")
        return text
    }

    /// Runs SQL in the database `postgres`, with a checkpoint at the end, and shell commands after
    /// it while the server still runs.
    func sql(_ text: String, then script: String = "") throws {
        try Data(text.utf8).write(to: URL(filePath: "\(folder.path)/sql"))
        let query = "psql -X -q -v ON_ERROR_STOP=1 -h \(folder.path) -U postgres -d postgres"
        defer { _ = try? run("pg_ctl -D data -w -s -m immediate stop 2>&1", mayFail: true) }
        try run(
            """
            query='\(query)'
            pg_ctl -D data -w -s -l log -o "-F -k \(folder.path) -h ''" start
            $query -f sql >&2
            \(script)
            $query -c CHECKPOINT
            pg_ctl -D data -w -s -m fast stop
            """)
    }

    /// The result of `pg_checksums`: how many blocks it has checked, and the bad ones by path
    /// relative to the data directory.
    func checksums() throws -> (blocks: Int, bad: Set<String>) {
        let text = try run("LC_ALL=C pg_checksums --check -D data 2>&1", mayFail: true)
        var (blocks, bad): (Int, Set<String>) = (0, [])
        for line in text.split(separator: "\n") {
            if line.hasPrefix("Blocks scanned:") {
                blocks = Int(line.split(separator: " ").last ?? "") ?? -1
            } else if line.contains("checksum verification failed in file") {
                let path = line.split(separator: "\"")[1].dropFirst("data/".count)
                let block = line.split(separator: "block ")[1].prefix { $0.isNumber }
                bad.insert("\(path) \(block)")
            }
        }
        return (blocks, bad)
    }
}
