internal import AsyncIO
internal import CZstd
internal import StorageManager

/// The settings of a ``CompressedDisk``.
public struct CompressedDiskConfiguration: Sendable {
    /// The default compression of relations.
    public var properties = ChunkProperties()
    /// Whether a thread of the manager compacts files that are much longer than their contents.
    public var compactsByItself = true

    /// Makes the default settings.
    public init() {}
}

/// How a relation is compressed. Fixed when the relation is created, and stored with it.
public struct ChunkProperties: Sendable, Hashable {
    /// How many bytes of pages are compressed together: 16, 32, 64 or 128 KiB. Larger chunks
    /// compress better, but reading or writing a single page costs a whole chunk.
    public var chunkBytes: Int
    /// zstd's level, from 1 to 19. Higher levels write more slowly and read as fast.
    public var level: Int

    /// Makes properties. The defaults are good for loading and scanning.
    public init(chunkBytes: Int = 128 * 1024, level: Int = 1) {
        self.chunkBytes = chunkBytes
        self.level = level
    }

    /// The possible sizes of chunks in bytes.
    public static let chunkSizes = [16, 32, 64, 128].map { $0 * 1024 }
    /// The possible levels.
    public static let levels = 1...19

    /// How many pages a full chunk has.
    var chunkPages: Int { chunkBytes / blockSize }

    /// - Throws: `invalidConfiguration` naming what is wrong.
    func check() throws(StorageError) {
        guard Self.chunkSizes.contains(chunkBytes) else {
            throw StorageError(
                .invalidConfiguration, "\(chunkBytes) is not a possible size of chunks in bytes",
                remedy: "Give 16, 32, 64 or 128 KiB.")
        }
        guard Self.levels.contains(level) else {
            throw StorageError(
                .invalidConfiguration, "\(level) is not a possible level of compression",
                remedy: "Give a level from \(Self.levels.lowerBound) to \(Self.levels.upperBound).")
        }
    }
}
