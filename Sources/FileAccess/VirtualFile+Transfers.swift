public import AsyncIO
public import Threads

/// Blocking reads and writes.
///
/// Each continues until all is done, the file ends, or the kernel fails, and returns the bytes
/// done. A short read means the end of the file or a failure after a part; a short write means a
/// failure after a part. The next call from there meets the failure again and throws.
extension VirtualFile {
    /// Reads from byte `offset` on and returns the bytes read. Mirrors PostgreSQL's `FileReadV`.
    ///
    /// - Throws: what ``lend()`` throws; `misalignedIO`; `fileReadFailed` if nothing could be read.
    public func read(into bytes: inout MutableRawSpan, at offset: Int64) throws(StorageError)
        -> Int
    {
        let memory = unsafe bytes.withUnsafeMutableBytes { unsafe $0 }
        return try unsafe read(into: memory, at: offset)
    }

    /// Writes at byte `offset` and returns the bytes written. Mirrors PostgreSQL's `FileWriteV`.
    ///
    /// - Throws: what ``lend()`` throws; `storeReadOnly`; `misalignedIO`; `fileWriteFailed` if
    ///   nothing could be written.
    public func write(_ bytes: RawSpan, at offset: Int64) throws(StorageError) -> Int {
        let memory = unsafe bytes.withUnsafeBytes { unsafe $0 }
        return try unsafe write(memory, at: offset)
    }

    /// Reads into memory that must be valid during the call.
    ///
    /// - Throws: as ``read(into:at:)-(MutableRawSpan,_)``.
    @unsafe
    public func read(into memory: UnsafeMutableRawBufferPointer, at offset: Int64)
        throws(StorageError) -> Int
    {
        let vector = unsafe iovec(iov_base: memory.baseAddress, iov_len: memory.count)
        return try unsafe withUnsafePointer(to: vector) { vector throws(StorageError) in
            try unsafe transfer(UnsafeBufferPointer(start: vector, count: 1), offset, .read)
        }
    }

    /// Writes from memory that must be valid during the call.
    ///
    /// - Throws: as ``write(_:at:)-(RawSpan,_)``.
    @unsafe
    public func write(_ memory: UnsafeRawBufferPointer, at offset: Int64) throws(StorageError)
        -> Int
    {
        let vector = unsafe iovec(
            iov_base: UnsafeMutableRawPointer(mutating: memory.baseAddress), iov_len: memory.count)
        return try unsafe withUnsafePointer(to: vector) { vector throws(StorageError) in
            try unsafe transfer(UnsafeBufferPointer(start: vector, count: 1), offset, .write)
        }
    }

    /// Reads from byte `offset` on until the memory is full or the file ends. Returns the bytes
    /// read.
    ///
    /// Throws on a failure even if part had been read, so a short result always means the end of
    /// the file.
    ///
    /// - Throws: as ``read(into:at:)-(MutableRawSpan,_)``.
    public func readFully(into bytes: inout MutableRawSpan, at offset: Int64)
        throws(StorageError) -> Int
    {
        let memory = unsafe bytes.withUnsafeMutableBytes { unsafe $0 }
        return try unsafe readFully(into: memory, at: offset)
    }

    /// Reads into memory that must be valid during the call until it is full or the file ends.
    ///
    /// - Throws: as ``readFully(into:at:)-(MutableRawSpan,_)``.
    @unsafe
    public func readFully(into memory: UnsafeMutableRawBufferPointer, at offset: Int64)
        throws(StorageError) -> Int
    {
        var done = 0
        while done < memory.count {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[done...])
            let count = try unsafe read(into: rest, at: offset + Int64(done))
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Reads into several pieces of memory in order. They must be valid during the call.
    ///
    /// - Throws: as ``read(into:at:)-(MutableRawSpan,_)``.
    @unsafe
    public func read(into vectors: UnsafeBufferPointer<iovec>, at offset: Int64)
        throws(StorageError) -> Int
    {
        try unsafe transfer(vectors, offset, .read)
    }

    /// Reads what the kernel has in its cache from byte `offset` on, without waiting for a disk.
    ///
    /// The memory must be valid during the call. A short result means nothing: the rest must be
    /// read in another way, which meets the file's end and failures.
    ///
    /// - Returns: the bytes read; 0 if the cache has nothing, for direct IO, or if the kernel
    ///   cannot tell.
    /// - Throws: what ``lend()`` throws.
    @unsafe
    public func readCached(into vectors: UnsafeBufferPointer<iovec>, at offset: Int64)
        throws(StorageError) -> Int
    {
        if usesDirectIO { return 0 }
        let count = min(vectors.count, Self.maximumVectors)
        let group = unsafe UnsafeBufferPointer(rebasing: vectors[..<count])
        let done = try withDescriptor { descriptor in
            retrying { unsafe files.fileSystem.readCached(descriptor, group, at: offset) }
        }
        return max(0, done)
    }

    /// Writes from several pieces of memory in order. They must be valid during the call.
    ///
    /// - Throws: as ``write(_:at:)-(RawSpan,_)``.
    @unsafe
    public func write(_ vectors: UnsafeBufferPointer<iovec>, at offset: Int64)
        throws(StorageError) -> Int
    {
        try unsafe transfer(vectors, offset, .write)
    }

    enum Direction {
        case read, write
    }

    private func transfer(
        _ vectors: UnsafeBufferPointer<iovec>, _ offset: Int64, _ direction: Direction
    ) throws(StorageError) -> Int {
        if direction == .write { try files.checkChangeable("write file", path) }
        if usesDirectIO, let misfit = unsafe DirectIO.misfit(vectors, offset) {
            throw misfit.error(path)
        }
        let (done, errorNumber) = try withDescriptor { descriptor in
            unsafe transferAll(vectors, descriptor, offset, direction)
        }
        guard done == 0, errorNumber != 0 else { return done }
        let length = unsafe vectors.reduce(0) { unsafe $0 &+ $1.iov_len }
        throw .file(
            direction == .read ? .fileReadFailed : .fileWriteFailed,
            "could not \(direction) \(length) bytes at offset \(offset) of file \"\(path)\"",
            path: path, errorNumber: errorNumber)
    }

    /// Transfers as much as the kernel accepts. Returns the bytes and the `errno` that ended it, or
    /// zero.
    func transferAll(
        _ vectors: UnsafeBufferPointer<iovec>, _ descriptor: CInt, _ offset: Int64,
        _ direction: Direction
    ) -> (done: Int, errorNumber: CInt) {
        unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: vectors.count) { rest in
            _ = unsafe rest.initialize(from: vectors)
            var first = 0
            var done = 0
            while true {
                while first < vectors.count, unsafe rest[first].iov_len == 0 { first += 1 }
                if first == vectors.count { return (done, 0) }
                let count = min(vectors.count - first, Self.maximumVectors)
                let group = unsafe UnsafeBufferPointer(rebasing: rest[first..<first + count])
                let moved = retrying {
                    switch direction {
                    case .read:
                        unsafe files.fileSystem.read(
                            descriptor, group, at: offset + Int64(done))
                    case .write:
                        unsafe files.fileSystem.write(
                            descriptor, group, at: offset + Int64(done))
                    }
                }
                if moved < 0 { return (done, CInt(-moved)) }
                if moved == 0 { return (done, 0) }
                done += moved
                var remaining = moved
                while remaining > 0 {
                    let step = unsafe min(remaining, rest[first].iov_len)
                    unsafe rest[first].iov_base += step
                    unsafe rest[first].iov_len -= step
                    remaining -= step
                    if unsafe rest[first].iov_len == 0 { first += 1 }
                }
            }
        }
    }

    /// The most vectors that the kernel takes at a time.
    private static var maximumVectors: Int { 1024 }
}
