public import AsyncIO
internal import Threads

/// Starting IO on a handle. The handle's target must be set and, for reads and writes, its vectors
/// appended. Call these on the thread of the handle's session.
extension VirtualFile {
    /// Starts reading into the handle's vectors from byte `offset` on. Mirrors PostgreSQL's
    /// `FileStartReadV`.
    ///
    /// Fewer bytes than requested are no error here: the result counts them.
    ///
    /// - Throws: what ``lend()`` throws, or `misalignedIO`. The handle has then been released.
    public func startRead(_ handle: consuming IOHandle, at offset: Int64) throws(StorageError) {
        let descriptor: IODescriptor
        do {
            try checkAlignment(of: handle, offset)
            descriptor = try lend()
        } catch {
            handle.release()
            throw error
        }
        if !usesDirectIO { handle.setFlags(.buffered) }
        handle.startRead(from: descriptor, at: offset)
    }

    /// Starts writing the handle's vectors at byte `offset`.
    ///
    /// Fewer bytes than requested are no error here: the result counts them.
    ///
    /// - Throws: what ``lend()`` throws, `misalignedIO`, or `storeReadOnly`. The handle has then
    ///   been released.
    public func startWrite(_ handle: consuming IOHandle, at offset: Int64) throws(StorageError) {
        let descriptor: IODescriptor
        do {
            try files.checkChangeable("write file", path)
            try checkAlignment(of: handle, offset)
            descriptor = try lend()
        } catch {
            handle.release()
            throw error
        }
        if !usesDirectIO { handle.setFlags(.buffered) }
        handle.startWrite(to: descriptor, at: offset)
    }

    /// Starts making the file durable.
    ///
    /// The code that defines the IO must report a failure to ``syncDidFail(errorNumber:)``, since
    /// the kernel reports it only once. A ``SyncQueue`` does so by itself.
    ///
    /// - Throws: what ``lend()`` throws, `storeReadOnly`, or `fileSyncFailed` if an earlier sync of
    ///   the file failed. The handle has then been released.
    public func startSync(_ handle: consuming IOHandle, dataOnly: Bool = false)
        throws(StorageError)
    {
        let descriptor: IODescriptor
        do {
            try files.checkChangeable("sync", path)
            try checkNotFailed()
            descriptor = try lend()
        } catch {
            handle.release()
            throw error
        }
        if !usesDirectIO { handle.setFlags(.buffered) }
        handle.startSync(of: descriptor, dataOnly: dataOnly)
    }

    /// Records that a sync started with ``startSync(_:dataOnly:)`` failed, so every later sync of
    /// this path fails too. Any thread.
    public func syncDidFail(errorNumber: CInt) {
        files.ledger.recordFailure(path, errorNumber: errorNumber)
    }

    func checkNotFailed() throws(StorageError) {
        if let errorNumber = files.ledger.failure(of: path) {
            throw .sync(path, errorNumber: errorNumber, isRepeated: true)
        }
    }

    private func checkAlignment(of handle: borrowing IOHandle, _ offset: Int64)
        throws(StorageError)
    {
        guard usesDirectIO else { return }
        let misfit = unsafe handle.withVectors { unsafe DirectIO.misfit($0, offset) }
        if let misfit { throw misfit.error(path) }
    }
}

/// Checks alignment for direct IO.
enum DirectIO {
    case offset(Int64)
    case memory(position: Int, address: UInt)
    case length(position: Int, Int)

    static func misfit(_ vectors: UnsafeBufferPointer<iovec>, _ offset: Int64) -> DirectIO? {
        let mask = FileAccess.directIOAlignment - 1
        if offset & Int64(mask) != 0 { return .offset(offset) }
        for position in vectors.indices {
            let vector = unsafe vectors[position]
            let address = unsafe UInt(bitPattern: vector.iov_base)
            if address & UInt(mask) != 0 { return .memory(position: position, address: address) }
            let length = unsafe vector.iov_len
            if length & mask != 0 { return .length(position: position, length) }
        }
        return nil
    }

    func error(_ path: String) -> StorageError {
        let what =
            switch self {
            case .offset(let offset): "offset \(offset)"
            case .memory(let position, let address):
                "address 0x\(String(address, radix: 16)) of vector \(position)"
            case .length(let position, let length): "length \(length) of vector \(position)"
            }
        return StorageError(
            .misalignedIO,
            "\(what) of direct IO on file \"\(path)\" is not a multiple of "
                + "\(FileAccess.directIOAlignment)",
            remedy: "Align memory, offset and length, or open the file buffered.",
            at: .init(path: path))
    }
}
