import AsyncIO
import CompressedDisk
import FileAccess
import Logging
import StorageManager
import StorageTesting

/// A manager of compressed relations, what it stands on, and a session; all from one set of files.
struct OpenManager {
    static let locator = RelationLocator(database: 1, number: 16384)
    private static let id = StorageManagerID(rawValue: 1)

    let system: IOSystem
    let manager: CompressedDisk
    let registry: StorageManagerRegistry
    let session: Session

    /// - Parameter compactsByItself: false where a test counts what the files hold.
    init(
        _ files: FileAccess, _ system: IOSystem, chunkPages: Int, compactsByItself: Bool = false
    ) throws {
        self.system = system
        var configuration = CompressedDiskConfiguration()
        configuration.properties.chunkBytes = chunkPages * blockSize
        configuration.compactsByItself = compactsByItself
        manager = try CompressedDisk(files: files, system: system, configuration: configuration)
        registry = try StorageManagerRegistry(system: system)
        try registry.register(manager, id: Self.id)
        session = try system.makeSession()
    }

    /// Over a disk of the test's that executes IO itself.
    init(
        on disk: any FileSystem & IOExecutor, chunkPages: Int, log: RecordingLog? = nil
    ) throws {
        var files = FileAccessConfiguration()
        files.fileSystem = disk
        if let log { files.logger = log.logger(level: .warning) }
        var core = IOConfiguration()
        core.executor = disk
        core.maximumSessions = 2
        try self.init(
            try FileAccess(directory: "/", configuration: files),
            try IOSystem(configuration: core), chunkPages: chunkPages)
    }

    /// A relation's storage, opened.
    func open(_ locator: RelationLocator = locator) throws -> any RelationStorage {
        try registry.open(locator, managedBy: Self.id).storage
    }

    /// Ends the session and all else.
    func close() {
        registry.shutdown(session: session)
        session.close()
    }
}
