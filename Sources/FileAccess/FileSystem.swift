public import SystemPackage
public import Threads

/// How a kernel descriptor is opened.
public struct FileOpenFlags: OptionSet, Sendable {
    /// One bit per flag.
    public let rawValue: UInt8
    /// Makes a set of raw bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Opens for reading only; without it, for reading and writing.
    public static let readOnly = FileOpenFlags(rawValue: 1)
    /// Creates the file if it is missing.
    public static let create = FileOpenFlags(rawValue: 2)
    /// Fails if the file exists. Use it with ``create``.
    public static let exclusive = FileOpenFlags(rawValue: 4)
    /// Empties the file.
    public static let truncate = FileOpenFlags(rawValue: 8)
    /// Bypasses the page cache.
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
    /// How many names it has; one if the file system does not tell.
    public var linkCount = 1
    /// Whether it belongs to the process's user and the mode lets its owner read it, so that it can
    /// be opened for reading. True if the file system does not tell.
    public var isReadableByOwner = true

    /// Makes a status of a file with one name.
    public init(kind: Kind, size: Int64, device: UInt64, serial: UInt64) {
        self.kind = kind
        self.size = size
        self.device = device
        self.serial = serial
    }
}

/// The system calls that files need. Tests replace them with a simulated disk.
///
/// Every call returns what the kernel's does, or a negated `errno`; the callers handle `EINTR`.
/// Paths are relative to a directory's descriptor. Any thread may make any call. IO that is started
/// asynchronously goes to the engine's `IOMethod` instead, with descriptors made here.
public protocol FileSystem: AnyObject, Sendable {
    /// Whether tests decide what happens and when. Over such a file system an engine starts no
    /// threads of its own.
    var isSimulated: Bool { get }
    /// Whether the files of relations can be made here. If not, an engine has no storage managers
    /// of its own that keep files.
    var keepsRelationFiles: Bool { get }
    /// Opens the directory that all other paths are relative to. `path` is the process's own.
    func openRoot(_ path: FilePath) -> CInt
    /// Opens a file. A new file is accessible to its owner only. Fails with `-ELOOP` if the path's
    /// last component is a symbolic link and the file is to be written.
    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt
    /// Closes a descriptor. It is closed whatever the call returns.
    func close(_ descriptor: CInt) -> CInt
    /// Reads into at most 1024 vectors. Returns the bytes read, 0 at the end of the file.
    @unsafe
    func read(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int
    /// Reads into at most 1024 vectors what the kernel has in its cache. Never waits for a disk.
    /// Returns the bytes read, 0 at the end of the file; `-EAGAIN` if the cache has nothing, and
    /// `-EOPNOTSUPP` if it cannot tell.
    @unsafe
    func readCached(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int
    /// Writes at most 1024 vectors. Returns the bytes written.
    @unsafe
    func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int
    /// Makes a file or directory durable.
    func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt
    /// Makes everything durable that is on the file system of an open directory, files and names,
    /// of all programs. Fails once for what could not be written since the directory was opened, of
    /// any program. Returns `-EOPNOTSUPP` if the file system does not promise all that.
    func syncAll(_ descriptor: CInt) -> CInt
    /// Fails if something written to an open file did not reach the disk, and no sync of this
    /// descriptor has said so yet. Returns `-EOPNOTSUPP` if it cannot tell.
    func writeError(_ descriptor: CInt) -> CInt
    /// Sets a file's length.
    func truncate(_ descriptor: CInt, to size: Int64) -> CInt
    /// Reserves space and grows the file; `-EOPNOTSUPP` if that is not possible.
    func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt
    /// Asks the kernel to read a range into its cache.
    func prefetch(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt
    /// Asks the kernel to write a range to the disk.
    func startWriteback(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt
    /// The least and greatest size in bytes of a write to an open file that is done as a whole or
    /// not at all, even across a power failure; nil if unknown.
    func atomicWriteUnits(_ descriptor: CInt) -> ClosedRange<Int>?
    /// Finds the next range of an open file, from an offset on, that may hold data.
    ///
    /// Returns `-ENXIO` if only a hole or the file's end follows, and `-EOPNOTSUPP` if it cannot
    /// tell.
    func nextData(_ descriptor: CInt, from offset: Int64, into range: inout Range<Int64>) -> CInt
    /// Reads the status of an open file.
    func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt
    /// Reads the status of a file by name.
    func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt
    /// Reads the status of what a name itself stands for: a symbolic link is `.other`.
    func linkStatus(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt
    /// Renames a file, replacing any file with the new name.
    func rename(_ path: String, to target: String, in root: CInt) -> CInt
    /// Removes a file.
    func unlink(_ path: String, in root: CInt) -> CInt
    /// Removes an empty directory.
    func removeDirectory(_ path: String, in root: CInt) -> CInt
    /// Creates a directory that is accessible to its owner only.
    func makeDirectory(_ path: String, in root: CInt) -> CInt
    /// Appends the names in an open directory, except `.` and `..`. Each can be part of a path, in
    /// which characters of an unused range stand for bytes that are not UTF-8.
    func list(_ descriptor: CInt, into names: inout [String]) -> CInt
    /// Releases what the file system holds. The engine calls it when it has been closed.
    func end()
}

extension FileSystem {
    /// True by default.
    public var isSimulated: Bool { true }

    /// True by default.
    public var keepsRelationFiles: Bool { true }

    /// Holds nothing by default.
    public func end() {}

    /// The same as ``status(_:in:into:)``, for file systems without links.
    public func linkStatus(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        self.status(path, in: root, into: &status)
    }

    /// Cannot tell by default.
    @unsafe
    public func readCached(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int { -Int(EOPNOTSUPP) }

    /// Promises nothing by default.
    public func syncAll(_ descriptor: CInt) -> CInt { -EOPNOTSUPP }

    /// Cannot tell by default.
    public func writeError(_ descriptor: CInt) -> CInt { -EOPNOTSUPP }

    /// Unknown by default.
    public func atomicWriteUnits(_ descriptor: CInt) -> ClosedRange<Int>? { nil }

    /// Cannot tell by default, so the whole file counts as data.
    public func nextData(
        _ descriptor: CInt, from offset: Int64, into range: inout Range<Int64>
    ) -> CInt { -EOPNOTSUPP }
}

/// Repeats a system call as long as a signal interrupts it.
@inline(__always)
func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != Result(-EINTR) { return result }
    }
}
