internal import AsyncIO
internal import StorageManager

/// The settings of a ``MagneticDisk``.
public struct MagneticDiskConfiguration: Sendable {
    /// The number of blocks in a segment file: 131072, which is 1 GiB, as in PostgreSQL. All users
    /// of the same files must agree on it. Tests use a small one to cross segments cheaply.
    public var segmentBlocks = 131_072
    /// Whether to open files read-only, as for another program's files. Changing one then throws
    /// `readOnly`.
    public var isReadOnly = false
    /// Whether to write each block by an operation that kernel, file system and disk perform whole
    /// or not at all, bypassing the page cache. They must support it.
    public var writesAtomically = false

    /// Makes the default settings.
    public init() {}

    /// The sizes for which byte offsets fit and every block has a segment.
    static let segmentBlockLimits = 1...1 << 30

    func geometry() throws(StorageError) -> SegmentGeometry {
        guard Self.segmentBlockLimits.contains(segmentBlocks) else {
            throw StorageError(
                .invalidConfiguration,
                "\(segmentBlocks) is not a valid number of blocks per segment",
                remedy: "Choose a value from \(Self.segmentBlockLimits.lowerBound) to "
                    + "\(Self.segmentBlockLimits.upperBound).")
        }
        return SegmentGeometry(blocks: UInt32(segmentBlocks))
    }
}
