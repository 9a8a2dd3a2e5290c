import AsyncIO
import BufferManager
import FileAccess
import FreeSpaceMap
import MagneticDisk
import PageFormat
import StorageManager
import StorageTesting

/// All layers up to a map, over a directory.
final class MapStack: Sendable {
    static let manager = StorageManagerID(rawValue: 1)

    let directory: TemporaryDirectory
    let system: IOSystem
    let registry: StorageManagerRegistry
    let buffers: BufferManager
    let log = RecordingLog()

    init(_ method: TestedMethod, directory: TemporaryDirectory = TemporaryDirectory()) throws {
        self.directory = directory
        system = try method.makeSystem()
        registry = try StorageManagerRegistry(system: system)
        let files = try FileAccess(directory: directory.path)
        try registry.register(
            try MagneticDisk(
                files: files, system: system, configuration: MagneticDiskConfiguration()),
            id: Self.manager)
        var configuration = BufferConfiguration()
        configuration.bufferCount = 64
        configuration.logger = log.logger()
        buffers = try BufferManager(configuration: configuration, system: system)
    }

    /// A relation whose fork `fsm` exists.
    func relation(_ number: UInt32 = 16384) throws -> OpenRelation {
        let relation = try registry.open(
            RelationLocator(database: 1, number: number), managedBy: Self.manager)
        try relation.storage.create(.freeSpaceMap, ifMissing: true)
        return relation
    }

    /// Runs `body` with a map, and checks that nothing stays pinned.
    func with<Result>(
        _ body: (FreeSpaceMap, OpenRelation, Session) throws -> Result
    ) throws -> Result {
        let session = try system.makeSession()
        defer { session.close() }
        let relation = try relation()
        let result = try body(
            FreeSpaceMap(buffers, of: relation, session: session), relation, session)
        buffers.checkInvariants()
        return result
    }
}

extension FreeSpaceMap {
    /// Everything that the map says of blocks below `end`.
    func all(below end: UInt32) throws -> [Int] {
        try (0..<end).map { try recorded(at: BlockNumber($0)) }
    }
}
