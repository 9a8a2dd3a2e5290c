internal import AsyncIO
internal import StorageManager

/// The settings of a ``MagneticDisk``.
public struct MagneticDiskConfiguration: Sendable {
    /// How many blocks a segment file holds: 131072, which is 1 GiB, as in PostgreSQL. All who
    /// open the same files must agree on it; tests cross segments cheaply with a small one.
    public var segmentBlocks = 131_072
    /// Whether files are opened for reading alone, as those of somebody else; whatever would change
    /// one throws `readOnly`.
    public var isReadOnly = false
    /// Whether each block is written by an operation that kernel, file system and disk do whole or
    /// not at all, past the page cache; they must be able to.
    public var writesAtomically = false

    /// Makes the default settings.
    public init() {}

    /// A segment ends where its byte offsets still fit and every block has a segment.
    static let segmentBlockLimits = 1...1 << 30

    func geometry() throws(StorageError) -> SegmentGeometry {
        guard Self.segmentBlockLimits.contains(segmentBlocks) else {
            throw StorageError(
                .invalidConfiguration,
                "\(segmentBlocks) is not a possible number of blocks a segment",
                remedy: "Give a value from \(Self.segmentBlockLimits.lowerBound) to "
                    + "\(Self.segmentBlockLimits.upperBound).")
        }
        return SegmentGeometry(blocks: UInt32(segmentBlocks))
    }
}
