public import AsyncIO

extension StorageError.Code {
    /// A chunk of a compressed relation is not as it was written.
    public static let damagedChunk = Self(rawValue: "damagedChunk")
    /// A chunk of a compressed relation is not in its file, or cannot be found there.
    public static let lostChunk = Self(rawValue: "lostChunk")
    /// A compressed relation's map is lost, and its chunks do not tell what it was.
    public static let damagedMap = Self(rawValue: "damagedMap")
}
