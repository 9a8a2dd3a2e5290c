package import AsyncIO
internal import StorageManager

/// What never changes in a store: the content of the file `strata.control`.
///
/// Written once, when the store is created, as the last of its files. The article "What is in a
/// store" describes it byte by byte. Corresponds to PostgreSQL's `pg_control`.
public struct StoreControl: Sendable, Hashable {
    /// A number drawn when the store was created. The catalog has it too, so that the catalog of
    /// one store cannot be mistaken for another's.
    public let identifier: UInt64
    /// Blocks in a segment file.
    public let segmentBlocks: UInt32
    /// Whether pages carry checksums.
    public let hasPageChecksums: Bool

    package static let fileName = "strata.control"
    package static let file = SealedFile(magic: "STRATACO", version: 1)
    static let payloadSize = 20
    /// The size of the file in bytes.
    package static let fileSize = SealedFile.overhead + payloadSize

    /// How many blocks a segment can have.
    package static let segmentLimits = 1...(1 << 30)

    private static let checksumFlag: UInt32 = 1

    package init(identifier: UInt64, segmentBlocks: UInt32, hasPageChecksums: Bool) {
        self.identifier = identifier
        self.segmentBlocks = segmentBlocks
        self.hasPageChecksums = hasPageChecksums
    }

    /// Encodes the file's bytes.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.write(identifier)
        writer.write(UInt32(blockSize))
        writer.write(segmentBlocks)
        writer.write(hasPageChecksums ? Self.checksumFlag : 0)
        return Self.file.seal(writer.bytes)
    }

    /// Decodes the file's bytes.
    ///
    /// - Parameter directory: the store's directory, for messages.
    /// - Throws: `notAStore`, `storeTooNew` or `controlDamaged`.
    package init(_ bytes: [UInt8], directory: String) throws(StorageError) {
        let payload: Range<Int>
        do throws(SealedFile.Failure) {
            payload = try Self.file.open(bytes).payload
        } catch {
            throw Self.error(error, directory)
        }
        do throws(DecodingFailure) {
            try self.init(ByteReader(bytes, payload))
        } catch {
            throw Self.error(.damaged(error.reason), directory)
        }
    }

    private init(_ bytes: consuming ByteReader) throws(DecodingFailure) {
        var reader = bytes
        identifier = try reader.read("the store's number")
        let size: UInt32 = try reader.read("the block size")
        guard size == UInt32(blockSize) else {
            throw DecodingFailure("it gives blocks of \(size) bytes where there are \(blockSize)")
        }
        segmentBlocks = try reader.read("the segment size")
        guard Self.segmentLimits.contains(Int(segmentBlocks)) else {
            throw DecodingFailure("it gives segments of \(segmentBlocks) blocks")
        }
        let flags: UInt32 = try reader.read("the flags")
        guard flags & ~Self.checksumFlag == 0 else {
            throw DecodingFailure("it has the unknown flags \(flags)")
        }
        hasPageChecksums = flags & Self.checksumFlag != 0
        try reader.finish()
    }

    package static func error(_ failure: SealedFile.Failure, _ directory: String) -> StorageError {
        let location = StorageError.Location(path: fileName)
        switch failure {
        case .notOurs:
            return StorageError(
                .notAStore,
                "directory \"\(directory)\" is not a Strata store: its file \"\(fileName)\" was"
                    + " written by something else",
                remedy: "Give the directory of a store, or a new one.", at: location)
        case .newer(let version):
            return StorageError(
                .storeTooNew,
                "store \"\(directory)\" has format version \(version); this program knows versions"
                    + " up to \(file.version)",
                remedy: "Open it with the newer program that made it.", at: location)
        case .damaged(let reason):
            return StorageError(
                .controlDamaged,
                "the control file of store \"\(directory)\" is damaged: \(reason)",
                remedy: "Restore \"\(fileName)\" from a backup of this store.", at: location)
        }
    }
}
