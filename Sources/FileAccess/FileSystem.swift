public import SystemPackage
public import Threads

/// How a kernel descriptor is opened.
public struct FileOpenFlags: OptionSet, Sendable {
    /// One bit a flag.
    public let rawValue: UInt8
    /// Makes a set of raw bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// For reading only; otherwise for both.
    public static let readOnly = FileOpenFlags(rawValue: 1)
    /// Creates the file if it is missing.
    public static let create = FileOpenFlags(rawValue: 2)
    /// Fails if the file exists; with ``create``.
    public static let exclusive = FileOpenFlags(rawValue: 4)
    /// Empties the file.
    public static let truncate = FileOpenFlags(rawValue: 8)
    /// Passes by the page cache.
    public static let direct = FileOpenFlags(rawValue: 16)
    /// Fails unless it is a directory.
    public static let directory = FileOpenFlags(rawValue: 32)
}

/// What is known of a file without reading it.
public struct FileStatus: Sendable, Hashable {
    /// What a name can stand for.
    public enum Kind: Sendable, Hashable {
        /// A regular file.
        case file
        /// A directory.
        case directory
        /// A device, socket, pipe or dangling link.
        case other
    }

    /// What it is.
    public var kind: Kind
    /// Its length in bytes.
    public var size: Int64
    /// The device it lies on; with ``serial`` its identity.
    public var device: UInt64
    /// Its inode number.
    public var serial: UInt64

    /// Makes a status.
    public init(kind: Kind, size: Int64, device: UInt64, serial: UInt64) {
        self.kind = kind
        self.size = size
        self.device = device
        self.serial = serial
    }
}

/// The system calls that files need: the seam under which tests put a simulated disk.
///
/// Every call returns what the kernel's does, or a negated `errno`; `EINTR` is handled by the
/// callers. Paths are relative to a directory's descriptor. Any thread may make any call. IO that
/// is started asynchronously goes to the engine's `IOMethod` instead, with descriptors made here.
public protocol FileSystem: AnyObject, Sendable {
    /// Opens the directory that all other paths are relative to; `path` is the process's own.
    func openRoot(_ path: FilePath) -> CInt
    /// Opens a file, creating it for its owner alone.
    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt
    /// Closes a descriptor; it is gone whatever is returned.
    func close(_ descriptor: CInt) -> CInt
    /// Reads into at most 1024 vectors; the bytes read, 0 at the end of the file.
    @unsafe
    func read(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int
    /// Writes at most 1024 vectors; the bytes written.
    @unsafe
    func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int
    /// Makes a file or directory durable.
    func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt
    /// Sets a file's length.
    func truncate(_ descriptor: CInt, to size: Int64) -> CInt
    /// Reserves space and grows the file; `-EOPNOTSUPP` where that is not possible.
    func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt
    /// Asks for a range to be read into the cache.
    func prefetch(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt
    /// Asks for a range to be written to the disk.
    func startWriteback(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt
    /// How many bytes at least and at most a write to an open file can have that is done whole or
    /// not at all, even when the power fails; nil where nobody says.
    func atomicWriteUnits(_ descriptor: CInt) -> ClosedRange<Int>?
    /// Finds the next range of an open file, from an offset on, that is not known to be a hole.
    ///
    /// `-ENXIO` where only a hole or the file's end follows, `-EOPNOTSUPP` where nobody can tell.
    func nextData(_ descriptor: CInt, from offset: Int64, into range: inout Range<Int64>) -> CInt
    /// Looks at an open file.
    func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt
    /// Looks at a file by name.
    func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt
    /// Gives a file another name, replacing what had it.
    func rename(_ path: String, to target: String, in root: CInt) -> CInt
    /// Removes a file.
    func unlink(_ path: String, in root: CInt) -> CInt
    /// Removes an empty directory.
    func removeDirectory(_ path: String, in root: CInt) -> CInt
    /// Creates a directory for its owner alone.
    func makeDirectory(_ path: String, in root: CInt) -> CInt
    /// Appends the names in an open directory, but for `.` and `..`.
    func list(_ descriptor: CInt, into names: inout [String]) -> CInt
}

extension FileSystem {
    /// Nobody says.
    public func atomicWriteUnits(_ descriptor: CInt) -> ClosedRange<Int>? { nil }

    /// Nobody can tell: all of the file counts as data.
    public func nextData(
        _ descriptor: CInt, from offset: Int64, into range: inout Range<Int64>
    ) -> CInt { -EOPNOTSUPP }
}

/// Makes a system call again as long as a signal interrupts it.
@inline(__always)
func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != Result(-EINTR) { return result }
    }
}
