public import AsyncIO
internal import StorageManager

/// The contents of a cluster's control file, `global/pg_control`. It is never written.
///
/// Mirrors the parts of `ControlFileData` that reading needs, as PostgreSQL 13 to 18 lay them out
/// on little-endian machines.
public struct ClusterControl: Sendable, Hashable {
    /// What the server was doing when it wrote the file last.
    public enum State: Sendable, Hashable {
        /// It was shut down in order, so that the files are complete.
        case shutDown
        /// It runs, it crashed, or it was a standby. Files may lag behind its log, and pages may be
        /// half written.
        case notShutDown
    }

    /// Identifies the cluster.
    public let systemIdentifier: UInt64
    /// The version of the control file: 1300 for PostgreSQL 13 to 16, 1700 for 17, 1800 for 18.
    public let version: UInt32
    /// The version of the system catalogs. It is part of the tablespaces' folder names.
    public let catalogVersion: UInt32
    /// What the server was doing.
    public let state: State
    /// Whether the server was in ordinary operation, or was when it crashed: not in recovery, in
    /// which it removes files before the catalogs on disk know.
    package let isInProduction: Bool
    /// How many blocks a segment file has.
    public let segmentBlocks: Int
    /// Whether pages carry checksums.
    public let hasPageChecksums: Bool
    /// The next transaction as of the last checkpoint, without its epoch.
    package let nextTransaction: UInt32
    /// The oldest transaction that `pg_xact` still covers.
    package let oldestTransaction: UInt32
    /// The oldest multixact that `pg_multixact` still covers.
    package let oldestMultixact: UInt32
    /// The next multixact, and the offset of its members.
    package let nextMultixact: UInt32
    package let nextMemberOffset: UInt32

    /// Where recovery would begin in the log, its timeline, and the bytes of a log's file.
    package let redoPosition: UInt64
    package let timeline: UInt32
    package let logFileBytes: UInt32

    /// Whether the file could not be read, so that these are assumptions.
    package let isAssumed: Bool

    /// The file's path, relative to the data directory.
    package static let path = "global/pg_control"
    /// The least size of a file that holds all these fields.
    private static let leastSize = 296
    /// `DB_SHUTDOWNED`. A standby that was shut down (`DB_SHUTDOWNED_IN_RECOVERY`) has not written
    /// what it changed since its last restart point, as after a crash.
    private static let shutDown: UInt32 = 1
    /// `DB_IN_PRODUCTION`.
    private static let inProduction: UInt32 = 6
    private static let segmentLimits: ClosedRange<UInt32> = 1...(1 << 30)

    /// Byte offsets of fields of `ControlFileData`.
    private enum Offset {
        static let systemIdentifier = 0
        static let version = 8
        static let catalogVersion = 12
        static let state = 16
        static let redoPosition = 40
        static let timeline = 48
        static let nextTransaction = 64
        static let nextMultixact = 76
        static let nextMemberOffset = 80
        static let oldestTransaction = 84
        static let oldestMultixact = 92
        static let blockSize = 216
        static let segmentBlocks = 220
        static let logFileBytes = 228
        static let checksumVersion = 252
    }

    /// Decodes the file's bytes.
    ///
    /// - Throws: `controlDamaged` if PostgreSQL did not write them, `notADataDirectory` if the
    ///   version or block size cannot be read.
    package init(_ bytes: [UInt8]) throws(StorageError) {
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
            // Whether it is whole can be told without knowing what it says.
            guard Self.isWhole(bytes) else {
                throw Self.damaged("its version \(version) is not known, nor its checksum right")
            }
            throw StorageError(
                .notADataDirectory,
                "file \"\(Self.path)\" is of version \(version), which is not known",
                remedy: "Give a data directory of PostgreSQL 13 to 18, of a little-endian machine.",
                at: StorageError.Location(path: Self.path))
        }
        let sum = CRC32C.checksum(bytes.span.extracting(0..<sumOffset))
        guard sum == word(sumOffset) else { throw Self.damaged("its checksum is wrong") }
        guard word(Offset.blockSize) == UInt32(blockSize) else {
            throw StorageError(
                .notADataDirectory,
                "the cluster's blocks have \(word(Offset.blockSize)) bytes, not \(blockSize)",
                remedy: "Only clusters with PostgreSQL's default block size can be read.",
                at: StorageError.Location(path: Self.path))
        }
        guard Self.segmentLimits.contains(word(Offset.segmentBlocks)) else {
            throw Self.damaged("\(word(Offset.segmentBlocks)) blocks in a segment cannot be")
        }
        isAssumed = false
        systemIdentifier =
            UInt64(word(Offset.systemIdentifier)) | UInt64(word(Offset.systemIdentifier + 4)) << 32
        catalogVersion = word(Offset.catalogVersion)
        state = word(Offset.state) == Self.shutDown ? .shutDown : .notShutDown
        isInProduction = word(Offset.state) == Self.inProduction
        segmentBlocks = Int(word(Offset.segmentBlocks))
        hasPageChecksums = word(Offset.checksumVersion) != 0
        redoPosition =
            UInt64(word(Offset.redoPosition)) | UInt64(word(Offset.redoPosition + 4)) << 32
        timeline = word(Offset.timeline)
        logFileBytes = word(Offset.logFileBytes)
        nextTransaction = word(Offset.nextTransaction)
        oldestTransaction = word(Offset.oldestTransaction)
        oldestMultixact = word(Offset.oldestMultixact)
        nextMultixact = word(Offset.nextMultixact)
        nextMemberOffset = word(Offset.nextMemberOffset)
    }

    /// Whether the bytes have a right checksum, wherever other versions have theirs.
    private static func isWhole(_ bytes: [UInt8]) -> Bool {
        stride(from: leastSumOffset, through: min(bytes.count - 4, mostSumOffset), by: 4)
            .contains { offset in
                let sum = CRC32C.checksum(bytes.span.extracting(0..<offset))
                return (0..<4).allSatisfy {
                    bytes[offset + $0] == UInt8(truncatingIfNeeded: sum >> UInt32(8 * $0))
                }
            }
    }

    private static let leastSumOffset = 200
    private static let mostSumOffset = 508

    /// The catalog versions that PostgreSQL's major versions were released with.
    private static let catalogVersions: [Int: UInt32] = [
        13: 202_007_201, 14: 202_107_181, 15: 202_209_061, 16: 202_307_071, 17: 202_406_281,
        18: 202_506_291,
    ]

    /// The major versions of servers that write such a file. Those before a release have catalog
    /// versions of their own.
    package var serverVersions: ClosedRange<Int> {
        if let known = Self.catalogVersions.first(where: { $0.value == catalogVersion })?.key {
            return known...known
        }
        return switch version {
        case 1700: 17...17
        case 1800: 18...18
        default: 13...16
        }
    }

    /// Assumes what most clusters have, and of transactions that all of them may have happened.
    ///
    /// - Parameters:
    ///   - hasPageChecksums: whether pages carry checksums.
    ///   - serverVersion: the server's major version; nil if unknown.
    package init(assumingChecksums hasPageChecksums: Bool, serverVersion: Int?) {
        isAssumed = true
        systemIdentifier = 0
        version = 0
        catalogVersion = serverVersion.flatMap { Self.catalogVersions[$0] } ?? 0
        state = .notShutDown
        isInProduction = false
        segmentBlocks = Self.usualSegmentBlocks
        self.hasPageChecksums = hasPageChecksums
        redoPosition = 0
        timeline = 0
        logFileBytes = 0
        nextTransaction = UInt32(Int32.max)
        oldestTransaction = 0
        oldestMultixact = 0
        nextMultixact = UInt32(Int32.max)
        nextMemberOffset = 0
    }

    private static let usualSegmentBlocks = 131_072

    private static func damaged(_ reason: String) -> StorageError {
        StorageError(
            .clusterDamaged, "file \"\(path)\" is damaged: \(reason)",
            remedy: "Restore it from a backup of the cluster.",
            at: StorageError.Location(path: path))
    }
}

extension StorageError.Code {
    /// The directory is not a data directory of a supported PostgreSQL version.
    public static let notADataDirectory = Self(rawValue: "notADataDirectory")
    /// A file of the cluster is missing or has wrong contents.
    public static let clusterDamaged = Self(rawValue: "clusterDamaged")
    /// A stored value, tuple or catalog row does not fit its type.
    public static let damagedRow = Self(rawValue: "damagedRow")
    /// The cluster contains something that cannot be read or printed.
    public static let unsupported = Self(rawValue: "unsupported")
    /// The cluster has no database, schema, table or column of that name.
    public static let noSuchObject = Self(rawValue: "noSuchObject")
}
