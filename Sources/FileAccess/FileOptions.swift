/// How a file is opened.
public struct FileOptions: OptionSet, Sendable {
    /// One bit per option.
    public let rawValue: UInt8
    /// Makes a set of raw bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Creates the file if it is missing.
    public static let create = FileOptions(rawValue: 1)
    /// Creates the file, and fails if it exists.
    public static let exclusive = FileOptions(rawValue: 2)
    /// Empties the file if it exists.
    public static let truncate = FileOptions(rawValue: 4)
    /// Opens the file for reading and syncing only.
    public static let readOnly = FileOptions(rawValue: 8)
    /// Uses the page cache even if direct IO is configured, so alignment does not matter.
    public static let buffered = FileOptions(rawValue: 16)
    /// Opens a directory, to sync it. Read-only and buffered.
    public static let directory = FileOptions(rawValue: 32)

    /// The flags for every opening of the file.
    var reopenFlags: FileOpenFlags {
        if contains(.directory) { return [.readOnly, .directory] }
        return contains(.readOnly) ? .readOnly : []
    }

    /// The flags for the first opening only.
    var creationFlags: FileOpenFlags {
        var flags: FileOpenFlags = []
        if contains(.create) { flags.insert(.create) }
        if contains(.exclusive) { flags.formUnion([.create, .exclusive]) }
        if contains(.truncate) { flags.insert(.truncate) }
        return flags
    }
}
