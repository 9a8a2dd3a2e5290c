/// How a file is opened.
public struct FileOptions: OptionSet, Sendable {
    /// One bit an option.
    public let rawValue: UInt8
    /// Makes a set of raw bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Creates the file if it is missing.
    public static let create = FileOptions(rawValue: 1)
    /// Creates the file, and fails if it exists.
    public static let exclusive = FileOptions(rawValue: 2)
    /// Empties the file if it exists.
    public static let truncate = FileOptions(rawValue: 4)
    /// For reading and syncing only.
    public static let readOnly = FileOptions(rawValue: 8)
    /// Goes through the page cache even where direct IO is configured, so that no alignment is
    /// asked for.
    public static let buffered = FileOptions(rawValue: 16)
    /// Opens a directory, to be synced; read-only and buffered.
    public static let directory = FileOptions(rawValue: 32)

    /// What holds for every opening of the file.
    var reopenFlags: FileOpenFlags {
        if contains(.directory) { return [.readOnly, .directory] }
        return contains(.readOnly) ? .readOnly : []
    }

    /// What holds for the first opening only.
    var creationFlags: FileOpenFlags {
        var flags: FileOpenFlags = []
        if contains(.create) { flags.insert(.create) }
        if contains(.exclusive) { flags.formUnion([.create, .exclusive]) }
        if contains(.truncate) { flags.insert(.truncate) }
        return flags
    }
}
