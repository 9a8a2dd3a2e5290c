public import StorageManager

/// One segment file of a relation's fork in a data directory.
public struct DataFile: Sendable, Hashable {
    /// The file, below the data directory.
    public let path: String
    /// The number of its database; zero for what all databases share.
    public let database: UInt32
    /// The relation's file number.
    public let number: UInt32
    /// The fork.
    public let fork: Fork
    /// The number of the segment within the fork, from zero.
    public let segment: UInt32
    /// Its length in bytes when it was listed.
    public let bytes: Int64

    /// The folder that it lies in.
    package var folder: Substring {
        let end = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
        return path[..<end]
    }
}
