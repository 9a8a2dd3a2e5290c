import AsyncIO
import FileAccess
import MagneticDisk
import StorageManager
import StorageTesting
import Testing
import Threads

/// A store directory with a ``MagneticDisk`` over it, with segments of four blocks.
final class TestDisk: Sendable {
    static let segmentBlocks = 4
    static let id = StorageManagerID(rawValue: 1)

    private let directory: TemporaryDirectory?
    let path: String
    let files: FileAccess
    let system: IOSystem
    let registry: StorageManagerRegistry
    let disk: MagneticDisk
    let log = RecordingLog()

    struct Options {
        var segmentBlocks = TestDisk.segmentBlocks
        var files = FileAccessConfiguration()
        var sessions = 16
        /// The directory to use instead of a new one.
        var path: String?
    }

    init(_ method: TestedMethod, _ options: Options = Options()) throws {
        directory = options.path == nil ? TemporaryDirectory() : nil
        path = options.path ?? directory?.path ?? ""
        files = try FileAccess(directory: path, configuration: options.files)
        var systemConfiguration = method.configuration(sessions: options.sessions)
        systemConfiguration.logger = log.logger()
        system = try IOSystem(configuration: systemConfiguration)
        registry = try StorageManagerRegistry(system: system)
        var configuration = MagneticDiskConfiguration()
        configuration.segmentBlocks = options.segmentBlocks
        disk = try MagneticDisk(files: files, system: system, configuration: configuration)
        try registry.register(disk, id: Self.id)
    }

    func open(_ number: UInt32 = 16384, localTo session: Int? = nil) throws -> OpenRelation {
        try registry.open(
            RelationLocator(database: 1, number: number, localTo: session), managedBy: Self.id)
    }

    /// A relation with all forks; the main one has that many blocks, each with its own contents.
    func makeRelation(_ number: UInt32 = 16384, blocks: Int = 0) throws -> any RelationStorage {
        let storage = try open(number).storage
        try storage.create(.main, ifMissing: false)
        let page = PageMemory(1)
        for block in 0..<blocks {
            page.fill(0, UInt32(block))
            try storage.extend(.main, at: BlockNumber(UInt32(block)), with: page[0], sync: .skip)
        }
        return storage
    }

    /// Closes all files, so that what is on disk is read anew.
    func forgetFiles() throws {
        let session = try system.makeSession()
        let storage = try open().storage
        for fork in Fork.allCases { storage.close(fork, session: session) }
    }

    /// The length of a file; nil if it does not exist.
    func size(_ name: String) -> Int? {
        var status = stat()
        guard unsafe stat("\(path)/\(name)", &status) == 0 else { return nil }
        return Int(status.st_size)
    }

    func setSize(_ name: String, _ size: Int) {
        precondition(unsafe truncate("\(path)/\(name)", off_t(size)) == 0)
    }

    func removeFile(_ name: String) { precondition(unsafe unlink("\(path)/\(name)") == 0) }
}

extension RelationStorage {
    /// Reads as many blocks as `pages` has, blocking.
    func read(_ block: BlockNumber, _ pages: PageMemory, _ fork: Fork = .main)
        throws(StorageError)
    {
        try read(fork, block: block, into: pages.addresses.span)
    }

    func write(
        _ block: BlockNumber, _ pages: PageMemory, _ fork: Fork = .main,
        sync: SyncPolicy = .register
    ) throws(StorageError) {
        try write(fork, block: block, from: pages.addresses.span, sync: sync)
    }

    /// Starts reading or writing, and waits for the outcome.
    func run(
        _ operation: IOOperation, _ block: BlockNumber, _ pages: PageMemory, _ session: Session,
        _ fork: Fork = .main
    ) throws(StorageError) -> IOReturn {
        let report = IOReturn()
        let handle = try session.acquireHandle(reporting: report)
        let reference = handle.waitReference
        let addresses = pages.addresses
        if operation == .read {
            try startRead(handle, fork, block: block, into: addresses.span)
        } else {
            try startWrite(handle, fork, block: block, from: addresses.span, sync: .register)
        }
        try session.wait(for: reference)
        return report
    }
}

/// The error that `body` throws. Records an issue if it throws none.
func failure(
    at source: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) -> StorageError? {
    do {
        try body()
        Issue.record("nothing was thrown", sourceLocation: source)
    } catch let error as StorageError {
        return error
    } catch {
        Issue.record(error, sourceLocation: source)
    }
    return nil
}
