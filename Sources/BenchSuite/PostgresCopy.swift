internal import Strata
internal import Threads

/// PostgreSQL's own `COPY` of the same file into a new unlogged table.
///
/// Runs `psql`, whose start is part of the measured time: some hundredths of a second.
struct PostgresCopy {
    private let connection: String
    private let columns: String
    private let logPath: String

    /// - Parameter connection: the connection string for `psql`.
    init(_ connection: String, _ shape: LoadShape, _ directory: String) throws(BenchFailure) {
        self.connection = connection
        columns = shape.columns
        logPath = directory + "/psql.log"
        // The server runs as another user and must read the file.
        unsafe chmod(directory, 0o755)
        try run("SELECT 1")
    }

    /// Times the server. Makes an empty table first, which is not timed.
    func time(_ path: String) throws(BenchFailure) -> BenchTime {
        let table = LoadShape.relation
        try run("DROP TABLE IF EXISTS \(table); CREATE UNLOGGED TABLE \(table) (\(columns))")
        return try BenchClock.measure { () throws(BenchFailure) in
            try run("COPY \(table) FROM '\(path)' WITH (FORMAT csv)")
        }
    }

    func removeTable() { try? run("DROP TABLE IF EXISTS \(LoadShape.relation)") }

    private func run(_ command: String) throws(BenchFailure) {
        let words = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", connection, "-c", command]
        var arguments = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { for index in words.indices { unsafe free(arguments[index]) } }
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
        #else
            var actions = unsafe posix_spawn_file_actions_t()
        #endif
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(
            &actions, 1, logPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var process = pid_t()
        let failure = unsafe posix_spawnp(&process, "psql", &actions, nil, &arguments, environ)
        guard failure == 0 else {
            throw Self.failure("psql cannot be started", "Install PostgreSQL's client.", failure)
        }
        var status: CInt = 0
        while unsafe waitpid(process, &status, 0) < 0 && errno == EINTR {}
        guard status == 0 else {
            throw Self.failure(
                "psql failed: \(log)",
                "Choose a --postgres that connects to a server on this machine, as a user who may"
                    + " read server files.", nil)
        }
    }

    /// The output of `psql`, on one line.
    private var log: String {
        guard let file = unsafe fopen(logPath, "r") else { return "no output" }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1000)
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        let text = String(decoding: bytes[..<count], as: UTF8.self)
        return text.split(whereSeparator: \.isNewline).joined(separator: "; ")
    }

    private static func failure(
        _ message: String, _ remedy: String, _ errorNumber: CInt?
    ) -> BenchFailure {
        .storage(
            StorageError(
                StorageError.Code(rawValue: "postgres"), message, remedy: remedy,
                errorNumber: errorNumber))
    }
}
