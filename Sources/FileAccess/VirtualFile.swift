public import AsyncIO
internal import Synchronization
internal import Threads

/// An open file that has a kernel descriptor only while it needs one.
///
/// Used by any number of threads at once. The descriptor is opened by the first use, and may be
/// closed for another file's sake whenever it is not lent; opening it again finds the same file or
/// throws. Lending one that is open costs one atomic increment. Mirrors PostgreSQL's `File` and
/// `Vfd`.
///
/// Let go of with ``close(_:)``; one that is dropped closes by itself.
public final class VirtualFile: DescriptorLender {
    /// The files it belongs to.
    public let files: FileAccess
    let slot: DescriptorSlot

    init(_ files: FileAccess, _ slot: DescriptorSlot) {
        self.files = files
        self.slot = slot
    }

    deinit { closeNow() }

    /// The path, relative to the directory of ``files``.
    public var path: String { slot.path }

    /// Whether IO on it passes by the page cache.
    public var usesDirectIO: Bool { slot.flags.contains(.direct) }

    /// Whether ``close(_:)`` has been called.
    public var isClosed: Bool { slot.isClosed }

    /// Lends the kernel descriptor to one IO and keeps it open until ``takeBack(token:)``, which
    /// the core calls when the IO was executed.
    ///
    /// One atomic increment while the descriptor is open; opens it under a lock otherwise.
    ///
    /// - Throws: `closed`; `resourcesExhausted` when all descriptors are lent and the process may
    ///   not have more; `fileMissing`, `fileReplaced` or `fileOpenFailed` when the file cannot be
    ///   opened again.
    public func lend() throws(StorageError) -> IODescriptor {
        IODescriptor(try hold(), lender: self, token: 0)
    }

    /// Takes one lent descriptor back. Any thread; waits for no lock.
    ///
    /// Closes the kernel's descriptor if it is the last one of a closed file, or if more are open
    /// than configured and no other use of the file remains.
    public func takeBack(token: UInt32) {
        if let descriptor = slot.giveBack() {
            files.closeKernel(descriptor, path)
        } else if files.hasOverrun {
            files.closeOverrun(slot)
        }
    }

    /// The descriptor for an IO that another thread executes: valid as long as that IO, which was
    /// lent it, has not completed.
    ///
    /// - Returns: the descriptor, or a negated `errno` when none is open.
    public func descriptorForReopen() -> CInt {
        slot.isOpen ? slot.lentDescriptor : -ErrorNumber.badDescriptor
    }

    /// Ends the use of the file: submits what the session has staged, waits where the method needs
    /// a descriptor to stay until its IO is done, and closes the kernel's.
    ///
    /// IO still in flight keeps the kernel's descriptor until it is done; this does not wait for
    /// it. Later uses throw `closed`; calling it again does nothing. Mirrors PostgreSQL's
    /// `FileClose`.
    public func close(_ session: Session) {
        guard let descriptor = startClosing() else { return }
        session.closing(descriptor: descriptor, isLent: true)
        takeBack(token: 0)
    }

    /// Closes a file that no IO was started on by a session that may still have it staged.
    func closeNow() {
        if startClosing() != nil { takeBack(token: 0) }
    }

    private func startClosing() -> CInt? {
        files.table.withLock { table in
            let (isFirst, held) = slot.close()
            if isFirst {
                table.remove(slot)
                files.counters.virtualFiles.subtract(1, ordering: .relaxed)
            }
            return held
        }
    }

    @inline(__always)
    func hold() throws(StorageError) -> CInt {
        if let descriptor = slot.hold() { return descriptor }
        takeBack(token: 0)
        return try files.holdSlowly(slot)
    }

    /// Runs system calls on the descriptor, holding it meanwhile.
    func withDescriptor<Result>(_ body: (CInt) -> Result) throws(StorageError) -> Result {
        let descriptor = try hold()
        defer { takeBack(token: 0) }
        return body(descriptor)
    }
}
