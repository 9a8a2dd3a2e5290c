internal import Synchronization
public import Threads

/// One IO being defined: code may fill it in, then start it or release it.
///
/// A handle has one owner at any time and moves down the layers. Each layer adds its target,
/// callbacks and data, and the lowest starts the IO. Starting and ``release()`` consume the handle,
/// so using it afterwards does not compile. A dropped handle returns to its session, which logs a
/// `leaked AIO handle` at the end of the scope that acquired it, unless that scope ends by an
/// error.
///
/// Belongs to its session's thread. All calls except the starts take constant time and never block.
/// Mirrors PostgreSQL's `PgAioHandle` as issuers see it.
@safe
public struct IOHandle: ~Copyable {
    /// Valid as long as the system, which the session retained below keeps alive.
    let storage: HandlePointer
    /// Retained from acquisition to consumption.
    let session: Unmanaged<Session>

    init(_ storage: HandlePointer, session: Session) {
        unsafe self.storage = unsafe storage
        unsafe self.session = unsafe .passRetained(session)
    }

    deinit {
        unsafe session.takeRetainedValue().handleWasDropped(storage)
    }

    /// The handle's number, for logs.
    public var id: Int { unsafe Int(storage.pointee.index) }

    /// How many vectors and data values the handle has room for.
    public var capacity: Int { unsafe storage.pointee.vectorCapacity }

    /// A reference by which any thread can wait for the IO. Take it before starting the IO.
    ///
    /// Mirrors PostgreSQL's `pgaio_io_get_wref`.
    public var waitReference: WaitReference { unsafe IOView(storage).waitReference }

    /// Adds flags to those already set. Mirrors PostgreSQL's `pgaio_io_set_flag`.
    public func setFlags(_ flags: IOFlags) {
        unsafe storage.pointee.flagsWord.store(
            storage.pointee.flags.union(flags).rawValue, ordering: .relaxed)
    }

    /// Says what the IO is on. Mirrors PostgreSQL's `pgaio_io_set_target`.
    ///
    /// - Throws: `misuse` if the id is not registered.
    public func setTarget(_ target: IOTargetID, data: IOTargetData) throws(StorageError) {
        let isKnown = unsafe session._withUnsafeGuaranteedRef {
            $0.system.targets.contains(target.rawValue)
        }
        guard isKnown else {
            throw StorageError(
                .misuse, "no target is registered under id \(target.rawValue)",
                remedy: "Register it with the IO system first.")
        }
        unsafe storage.pointee.targetWord.store(target.rawValue, ordering: .relaxed)
        unsafe storage.pointee.targetData = data
    }

    /// Attaches callbacks. Callbacks attached last run first.
    ///
    /// Mirrors PostgreSQL's `pgaio_io_register_callbacks`.
    ///
    /// - Throws: `misuse` if the id is not registered, or if four are attached already.
    public func registerCallbacks(_ id: IOCallbackID, data: UInt8 = 0) throws(StorageError) {
        let count = unsafe storage.pointee.definition.callbackCount
        guard count < HandleStorage.maximumCallbacks else {
            throw StorageError(
                .misuse,
                "an IO carries at most \(HandleStorage.maximumCallbacks) sets of callbacks",
                remedy: "Let one layer's callbacks do the work of two.")
        }
        guard unsafe session._withUnsafeGuaranteedRef({ $0.system.callbacks.contains(id.rawValue) })
        else {
            throw StorageError(
                .misuse, "no callbacks are registered under id \(id.rawValue)",
                remedy: "Register them with the IO system first.")
        }
        unsafe storage.pointee.definition.callbacks[count] = IOCallbackRegistration(
            id: id, data: data)
        unsafe storage.pointee.definition.callbackCount = count + 1
    }

    /// Stores a layer's 64-bit values with the IO, replacing any stored before.
    ///
    /// Mirrors PostgreSQL's `pgaio_io_set_handle_data_64`.
    ///
    /// - Throws: `misuse` if there are more than ``capacity``.
    public func setData(_ values: Span<UInt64>) throws(StorageError) {
        try checkCapacity(values.count)
        for position in values.indices {
            unsafe storage.pointee.data[position] = values[position]
        }
        unsafe storage.pointee.definition.dataCount = values.count
    }

    /// Stores a layer's 32-bit values with the IO, replacing any stored before.
    ///
    /// Mirrors PostgreSQL's `pgaio_io_set_handle_data_32`.
    ///
    /// - Throws: `misuse` if there are more than ``capacity``.
    public func setData(_ values: Span<UInt32>) throws(StorageError) {
        try checkCapacity(values.count)
        for position in values.indices {
            unsafe storage.pointee.data[position] = UInt64(values[position])
        }
        unsafe storage.pointee.definition.dataCount = values.count
    }

    /// Adds a piece of memory that the IO reads into or writes from. Joins it to the previous piece
    /// if the two are adjacent.
    ///
    /// The memory must stay valid until the IO has completed, even if the session closes first.
    ///
    /// - Throws: `misuse` if there are more than ``capacity`` pieces.
    @unsafe
    public func appendVector(_ memory: UnsafeMutableRawBufferPointer) throws(StorageError) {
        let count = unsafe storage.pointee.definition.vectorCount
        if count > 0 {
            let last = unsafe storage.pointee.vectors[count - 1]
            if let base = unsafe last.iov_base, unsafe base + last.iov_len == memory.baseAddress {
                unsafe storage.pointee.vectors[count - 1].iov_len += memory.count
                return
            }
        }
        try checkCapacity(count + 1)
        unsafe storage.pointee.vectors[count] = iovec(
            iov_base: memory.baseAddress, iov_len: memory.count)
        unsafe storage.pointee.definition.vectorCount = count + 1
    }

    /// Calls `body` with the memory that the IO will read into or write from, so that a layer can
    /// check it before starting the IO. The vectors are valid during the call.
    @unsafe
    public func withVectors<Result>(_ body: (UnsafeBufferPointer<iovec>) -> Result) -> Result {
        unsafe body(
            UnsafeBufferPointer(
                start: storage.pointee.vectors, count: storage.pointee.definition.vectorCount))
    }

    /// How many bytes the vectors hold.
    public var vectorByteCount: Int {
        var total = 0
        for position in unsafe 0..<storage.pointee.definition.vectorCount {
            unsafe total += storage.pointee.vectors[position].iov_len
        }
        return total
    }

    /// Returns an unused handle to its session.
    ///
    /// Mirrors PostgreSQL's `pgaio_io_release`.
    public consuming func release() {
        let (storage, session) = unsafe (self.storage, session.takeRetainedValue())
        discard self
        unsafe session.releaseHandedOut(storage)
    }

    private func checkCapacity(_ count: Int) throws(StorageError) {
        guard count <= capacity else {
            throw StorageError(
                .misuse, "an IO carries at most \(capacity) vectors and data values, not \(count)",
                remedy: "Raise IOConfiguration.maximumVectors, or split the IO.")
        }
    }
}

extension IOHandle {
    /// Starts reading into the vectors from `offset` on.
    ///
    /// The IO is staged, and submitted unless a batch is open; it may even have completed when this
    /// returns. The target must be set. Mirrors PostgreSQL's `pgaio_io_start_readv`.
    public consuming func startRead(from descriptor: IODescriptor, at offset: Int64) {
        start(.read, descriptor, offset)
    }

    /// Starts writing the vectors at `offset`.
    ///
    /// As ``startRead(from:at:)``. Mirrors PostgreSQL's `pgaio_io_start_writev`.
    public consuming func startWrite(to descriptor: IODescriptor, at offset: Int64) {
        start(.write, descriptor, offset)
    }

    /// Starts making the file durable, with everything written to it before this IO started.
    ///
    /// PostgreSQL has no asynchronous `fsync`.
    ///
    /// - Parameters:
    ///   - descriptor: the file.
    ///   - dataOnly: omits metadata that reading does not need (`fdatasync`).
    public consuming func startSync(of descriptor: IODescriptor, dataOnly: Bool = false) {
        start(dataOnly ? .dataSync : .sync, descriptor, 0)
    }

    /// Ends an IO that needs no kernel: its layer has moved the bytes itself, or its callbacks do.
    ///
    /// The IO goes through all states and callbacks before this returns, whatever the method is, so
    /// the layers above see no difference. The target must be set.
    ///
    /// - Parameters:
    ///   - operation: what the IO would have been.
    ///   - result: what the kernel would have returned: the bytes moved, or a negated `errno`.
    public consuming func startExecuted(_ operation: IOOperation, result: Int) {
        let length = vectorByteCount
        let (storage, session) = unsafe (self.storage, session.takeRetainedValue())
        discard self
        unsafe storage.pointee.operationWord.store(operation.rawValue, ordering: .relaxed)
        unsafe storage.pointee.length.store(UInt64(length), ordering: .relaxed)
        unsafe session.stageExecuted(storage, result: result)
    }

    private consuming func start(
        _ operation: IOOperation, _ descriptor: IODescriptor, _ offset: Int64
    ) {
        let length = vectorByteCount
        let (storage, session) = unsafe (self.storage, session.takeRetainedValue())
        discard self
        unsafe storage.pointee.operationWord.store(operation.rawValue, ordering: .relaxed)
        unsafe storage.pointee.descriptor.store(descriptor.number, ordering: .relaxed)
        unsafe storage.pointee.offset.store(offset, ordering: .relaxed)
        unsafe storage.pointee.length.store(UInt64(length), ordering: .relaxed)
        unsafe storage.pointee.definition.lender = descriptor.lender
        unsafe storage.pointee.definition.lenderToken = descriptor.token
        unsafe session.stage(storage)
    }
}
