public import AsyncIO
internal import Logging
internal import Synchronization
internal import Threads

/// The file's length and its allocation. All calls block. They throw what ``lend()`` throws,
/// besides their own errors.
extension VirtualFile {
    /// The file's length in bytes. Mirrors PostgreSQL's `FileSize`.
    ///
    /// - Throws: `fileStatusFailed`.
    public func size() throws(StorageError) -> Int64 {
        let (size, error) = try withDescriptor { descriptor in measure(descriptor) }
        if error < 0 {
            throw .file(
                .fileStatusFailed, "could not read the size of file \"\(path)\"", path: path,
                errorNumber: -error)
        }
        return size
    }

    /// The next range from `offset` on that may hold data; nil if only a hole or the end of the
    /// file follows.
    ///
    /// If the file system cannot tell, the range is the rest of the file. Data written during the
    /// call may be missed.
    ///
    /// - Throws: `fileStatusFailed`.
    public func nextData(from offset: Int64) throws(StorageError) -> Range<Int64>? {
        var range: Range<Int64> = 0..<0
        let error = try withDescriptor { descriptor in
            retrying { files.fileSystem.nextData(descriptor, from: offset, into: &range) }
        }
        switch -error {
        case 0: return range.isEmpty ? nil : range
        case ENXIO: return nil
        case EOPNOTSUPP:
            let size = try size()
            return offset < size ? offset..<size : nil
        default:
            throw .file(
                .fileStatusFailed, "could not find the data of file \"\(path)\"", path: path,
                errorNumber: -error)
        }
    }

    /// Sets the file's length in bytes. Mirrors PostgreSQL's `FileTruncate`.
    ///
    /// - Throws: `storeReadOnly`; `fileTruncateFailed`, after which the file may have either
    ///   length.
    public func truncate(to size: Int64) throws(StorageError) {
        try files.checkChangeable("truncate file", path)
        let error = try withDescriptor { descriptor in
            retrying { files.fileSystem.truncate(descriptor, to: size) }
        }
        if error < 0 {
            throw .file(
                .fileTruncateFailed, "could not truncate file \"\(path)\" to \(size) bytes",
                path: path, errorNumber: -error)
        }
    }

    /// Fills `count` bytes from `offset` on with zeroes, growing the file to hold them. All or
    /// nothing.
    ///
    /// Overwrites what the file had beyond `offset`, which should be no more than part of a page
    /// that a crash left. The caller must prevent other extensions of the file meanwhile. Mirrors
    /// PostgreSQL's `FileFallocate` and `FileZero`.
    ///
    /// - Throws: `storeReadOnly`; `misalignedIO`; `fileExtendFailed`, with the file at its old
    ///   length or a message that says it could not be shortened again.
    public func zeroExtend(from offset: Int64, count: Int64) throws(StorageError) {
        if count <= 0 { return }
        try files.checkChangeable("extend file", path)
        let mask = Int64(FileAccess.directIOAlignment - 1)
        if usesDirectIO {
            if offset & mask != 0 { throw DirectIO.offset(offset).error(path) }
            if count & mask != 0 { throw DirectIO.length(position: 0, Int(count)).error(path) }
        }
        let (old, error, leftover) = try withDescriptor { descriptor in
            zeroExtend(descriptor, offset, count)
        }
        guard error < 0 else { return }
        let end = offset.addingReportingOverflow(count).partialValue
        var message = "could not extend file \"\(path)\" from \(old) to \(end) bytes"
        if leftover { message += ", nor shorten it to what it was" }
        throw .file(.fileExtendFailed, message, path: path, errorNumber: -error)
    }

    private func zeroExtend(_ descriptor: CInt, _ offset: Int64, _ count: Int64)
        -> (old: Int64, error: CInt, leftover: Bool)
    {
        let (old, statusError) = measure(descriptor)
        if statusError < 0 { return (old, statusError, false) }
        var position = offset
        let end = offset + count
        var error: CInt = 0
        if position < old {
            error = writeZeroes(descriptor, from: position, to: min(old, end))
            position = min(old, end)
        }
        if error == 0 && position < end { error = grow(descriptor, from: position, to: end) }
        if error == 0 { return (old, 0, false) }
        let (now, nowError) = measure(descriptor)
        if nowError == 0 && now <= old { return (old, error, false) }
        let undo = retrying { files.fileSystem.truncate(descriptor, to: old) }
        return (old, error, undo < 0)
    }

    private func grow(_ descriptor: CInt, from position: Int64, to end: Int64) -> CInt {
        if files.configuration.zeroExtension == .fallocate,
            !files.counters.cannotAllocate.load(ordering: .relaxed)
        {
            let error = retrying {
                files.fileSystem.allocate(descriptor, at: position, count: end - position)
            }
            if error != -EOPNOTSUPP && error != -ENOSYS { return error }
            if !files.counters.cannotAllocate.exchange(true, ordering: .relaxed) {
                files.logger.info(
                    "the file system cannot reserve space; zeroes are written instead",
                    metadata: ["directory": "\(files.directory)"])
            }
        }
        return writeZeroes(descriptor, from: position, to: end)
    }

    private func writeZeroes(_ descriptor: CInt, from start: Int64, to end: Int64) -> CInt {
        var position = start
        while position < end {
            let (done, error) = unsafe files.zeroes.withVectors(count: end - position) {
                unsafe transferAll($0, descriptor, position, .write)
            }
            if done == 0 { return error == 0 ? -EIO : -error }
            position += Int64(done)
        }
        return 0
    }

    private func measure(_ descriptor: CInt) -> (size: Int64, error: CInt) {
        var status = FileStatus(kind: .other, size: 0, device: 0, serial: 0)
        let error = retrying { files.fileSystem.status(descriptor, into: &status) }
        return (status.size, error)
    }

    /// Asks the kernel to load bytes into its cache soon. Does nothing under direct IO. Mirrors
    /// PostgreSQL's `FilePrefetch`.
    ///
    /// - Throws: `fileStatusFailed` if the kernel refuses.
    public func prefetch(at offset: Int64, count: Int64) throws(StorageError) {
        if usesDirectIO { return }
        let error = try withDescriptor { descriptor in
            retrying { files.fileSystem.prefetch(descriptor, at: offset, count: count) }
        }
        if error < 0 {
            throw .file(
                .fileStatusFailed, "could not prefetch \(count) bytes of file \"\(path)\"",
                path: path, errorNumber: -error)
        }
    }

    /// Asks the kernel to start writing bytes to the disk, so that a later sync is short. Does
    /// nothing under direct IO. Mirrors PostgreSQL's `FileWriteback`.
    ///
    /// - Throws: `storeReadOnly`; `fileWriteFailed` if the kernel refuses or an earlier write
    ///   failed.
    public func writeback(at offset: Int64, count: Int64) throws(StorageError) {
        try files.checkChangeable("write back file", path)
        if usesDirectIO { return }
        let error = try withDescriptor { descriptor in
            retrying { files.fileSystem.startWriteback(descriptor, at: offset, count: count) }
        }
        // Not every file system supports it, and it is only advice.
        if error < 0 && error != -ENOSYS && error != -ESPIPE {
            throw .file(
                .fileWriteFailed, "could not begin to write back file \"\(path)\"", path: path,
                errorNumber: -error)
        }
    }

    /// Makes the file durable. Mirrors PostgreSQL's `FileSync`.
    ///
    /// - Parameter dataOnly: omits metadata that reading does not need.
    /// - Throws: `storeReadOnly`; `fileSyncFailed`. The latter is final: the kernel may have
    ///   dropped what it could not write, so every later sync of this path fails too, until the
    ///   file is removed.
    public func sync(dataOnly: Bool = false) throws(StorageError) {
        try files.checkChangeable("sync", path)
        if let earlier = files.ledger.begin(path) {
            throw .sync(path, errorNumber: earlier, isRepeated: true)
        }
        let error: CInt
        do {
            error = try withDescriptor { descriptor in
                retrying { files.fileSystem.sync(descriptor, dataOnly: dataOnly) }
            }
        } catch {
            files.ledger.end(path, failure: nil)
            throw error
        }
        files.ledger.end(path, failure: error < 0 ? -error : nil)
        if error < 0 { throw .sync(path, errorNumber: -error, isRepeated: false) }
        files.counters.syncs.add(1, ordering: .relaxed)
    }
}
