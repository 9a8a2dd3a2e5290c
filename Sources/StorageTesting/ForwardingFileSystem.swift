public import FileAccess
public import Threads

/// A file system on top of another: calls that it does not define are forwarded.
///
/// For tests that make some calls fail, count them, or inspect them.
public protocol ForwardingFileSystem: FileSystem {
    /// The file system below.
    var underlying: KernelFileSystem { get }
}

/// Each call goes through to ``underlying``.
extension ForwardingFileSystem {
    /// Goes through.
    public func openRoot(_ path: FilePath) -> CInt { underlying.openRoot(path) }

    /// Goes through.
    public func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        underlying.open(path, in: root, flags)
    }

    /// Goes through.
    public func close(_ descriptor: CInt) -> CInt { underlying.close(descriptor) }

    /// Goes through.
    @unsafe
    public func read(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int {
        unsafe underlying.read(descriptor, vectors, at: offset)
    }

    /// Goes through.
    @unsafe
    public func write(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int {
        unsafe underlying.write(descriptor, vectors, at: offset)
    }

    /// Goes through.
    public func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt {
        underlying.sync(descriptor, dataOnly: dataOnly)
    }

    /// Goes through.
    public func truncate(_ descriptor: CInt, to size: Int64) -> CInt {
        underlying.truncate(descriptor, to: size)
    }

    /// Goes through.
    public func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        underlying.allocate(descriptor, at: offset, count: count)
    }

    /// Goes through.
    public func prefetch(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        underlying.prefetch(descriptor, at: offset, count: count)
    }

    /// Goes through.
    public func startWriteback(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        underlying.startWriteback(descriptor, at: offset, count: count)
    }

    /// Goes through.
    public func nextData(
        _ descriptor: CInt, from offset: Int64, into range: inout Range<Int64>
    ) -> CInt { underlying.nextData(descriptor, from: offset, into: &range) }

    /// Goes through.
    public func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        underlying.status(descriptor, into: &status)
    }

    /// Goes through.
    public func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        underlying.status(path, in: root, into: &status)
    }

    /// Goes through.
    public func linkStatus(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        underlying.linkStatus(path, in: root, into: &status)
    }

    /// Goes through.
    public func rename(_ path: String, to target: String, in root: CInt) -> CInt {
        underlying.rename(path, to: target, in: root)
    }

    /// Goes through.
    public func unlink(_ path: String, in root: CInt) -> CInt {
        underlying.unlink(path, in: root)
    }

    /// Goes through.
    public func removeDirectory(_ path: String, in root: CInt) -> CInt {
        underlying.removeDirectory(path, in: root)
    }

    /// Goes through.
    public func makeDirectory(_ path: String, in root: CInt) -> CInt {
        underlying.makeDirectory(path, in: root)
    }

    /// Goes through.
    public func list(_ descriptor: CInt, into names: inout [String]) -> CInt {
        underlying.list(descriptor, into: &names)
    }
}
