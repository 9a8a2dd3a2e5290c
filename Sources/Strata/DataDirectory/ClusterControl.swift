/// What PostgreSQL's control file says of a cluster: `global/pg_control`, read and never written.
///
/// Mirrors the parts of `ControlFileData` that concern relation files, as PostgreSQL 13 to 18 lay
/// it out on little-endian machines.
public struct ClusterControl: Sendable, Hashable {
    /// What the server was doing when it wrote the file last.
    public enum State: Sendable, Hashable {
        /// It was shut down in order, so that what is in the files is whole.
        case shutDown
        /// It runs, or it crashed: files may lag behind its log, and pages may be half written.
        case notShutDown
    }

    /// Tells clusters apart.
    public let systemIdentifier: UInt64
    /// The version of the control file: 1300 for PostgreSQL 13 to 16, 1700 for 17,
    /// 1800 for 18.
    public let version: UInt32
    /// The version of the system catalogs.
    public let catalogVersion: UInt32
    /// What the server was doing.
    public let state: State
    /// How many blocks a segment file has.
    public let segmentBlocks: Int
    /// Whether pages carry checksums.
    public let hasPageChecksums: Bool

    /// Where the file is, below the data directory.
    static let path = "global/pg_control"
    /// The file has 8192 bytes; a few more are no reason to refuse it.
    static let maximumSize = 64 << 10
    /// The least of the file's bytes that hold all there is.
    static let leastSize = 296
    /// `DB_SHUTDOWNED` and `DB_SHUTDOWNED_IN_RECOVERY`.
    private static let shutDownStates: ClosedRange<UInt32> = 1...2
    private static let segmentLimits: ClosedRange<UInt32> = 1...(1 << 30)

    /// Byte offsets of fields of `ControlFileData`.
    private enum Offset {
        static let systemIdentifier = 0
        static let version = 8
        static let catalogVersion = 12
        static let state = 16
        static let blockSize = 216
        static let segmentBlocks = 220
        static let checksumVersion = 252
    }

    /// Takes the file's bytes apart.
    ///
    /// - Throws: `controlDamaged` where they are none that PostgreSQL wrote, `notAStore` where the
    ///   version, the machine or the block size is one that cannot be read.
    init(_ bytes: [UInt8]) throws(StorageError) {
        guard bytes.count >= Self.leastSize else {
            throw Self.damaged("it has only \(bytes.count) bytes")
        }
        func word(_ offset: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
        }
        version = word(Offset.version)
        let sumOffset: Int
        switch version {
        case 1300, 1700: sumOffset = 288
        case 1800: sumOffset = 292
        default:
            throw StorageError(
                .notAStore, "file \"\(Self.path)\" is of version \(version), which is not known",
                remedy: "Give a data directory of PostgreSQL 13 to 18, of a little-endian machine.",
                at: StorageError.Location(path: Self.path))
        }
        let sum = CRC32C.checksum(bytes.span.extracting(0..<sumOffset))
        guard sum == word(sumOffset) else { throw Self.damaged("its checksum is wrong") }
        guard word(Offset.blockSize) == UInt32(blockSize) else {
            throw StorageError(
                .notAStore,
                "the cluster's blocks have \(word(Offset.blockSize)) bytes, not \(blockSize)",
                remedy: "Only clusters with PostgreSQL's default block size can be read.",
                at: StorageError.Location(path: Self.path))
        }
        guard Self.segmentLimits.contains(word(Offset.segmentBlocks)) else {
            throw Self.damaged("\(word(Offset.segmentBlocks)) blocks in a segment cannot be")
        }
        systemIdentifier =
            UInt64(word(Offset.systemIdentifier)) | UInt64(word(Offset.systemIdentifier + 4)) << 32
        catalogVersion = word(Offset.catalogVersion)
        state = Self.shutDownStates.contains(word(Offset.state)) ? .shutDown : .notShutDown
        segmentBlocks = Int(word(Offset.segmentBlocks))
        hasPageChecksums = word(Offset.checksumVersion) != 0
    }

    static func damaged(_ reason: String) -> StorageError {
        StorageError(
            .controlDamaged, "file \"\(path)\" is damaged: \(reason)",
            remedy: "Restore it from a backup of the cluster.",
            at: StorageError.Location(path: path))
    }
}
