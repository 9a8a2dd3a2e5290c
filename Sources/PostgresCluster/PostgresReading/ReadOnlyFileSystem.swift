package import FileAccess
package import SystemPackage
package import Threads

/// A file system over another one that refuses every change. What a conforming type does not define
/// itself reads from the other one.
package protocol ReadOnlyFileSystem: FileSystem {
    /// The file system that is read.
    var underlying: any FileSystem { get }
}

extension ReadOnlyFileSystem {
    package func openRoot(_ path: FilePath) -> CInt { underlying.openRoot(path) }

    package func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        underlying.open(path, in: root, flags.union(.readOnly))
    }

    package func close(_ descriptor: CInt) -> CInt { underlying.close(descriptor) }

    @unsafe
    package func read(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int {
        unsafe underlying.read(descriptor, vectors, at: offset)
    }

    @unsafe
    package func readCached(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int {
        unsafe underlying.readCached(descriptor, vectors, at: offset)
    }

    @unsafe
    package func write(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int { -Int(EROFS) }

    package func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt { -EROFS }
    package func truncate(_ descriptor: CInt, to size: Int64) -> CInt { -EROFS }
    package func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt { -EROFS }

    package func prefetch(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        underlying.prefetch(descriptor, at: offset, count: count)
    }

    package func startWriteback(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        -EROFS
    }

    package func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        underlying.status(descriptor, into: &status)
    }

    package func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        underlying.status(path, in: root, into: &status)
    }

    package func rename(_ path: String, to target: String, in root: CInt) -> CInt { -EROFS }
    package func unlink(_ path: String, in root: CInt) -> CInt { -EROFS }
    package func removeDirectory(_ path: String, in root: CInt) -> CInt { -EROFS }
    package func makeDirectory(_ path: String, in root: CInt) -> CInt { -EROFS }

    package func list(_ descriptor: CInt, into names: inout [String]) -> CInt {
        underlying.list(descriptor, into: &names)
    }
}
