public import AsyncIO
internal import Synchronization
internal import Threads

/// An open file that has a kernel descriptor only while it needs one.
///
/// Any number of threads may use it at once. The first use opens the descriptor. It may be closed
/// to make room for another file whenever it is not lent; reopening finds the same file or throws.
/// Lending an open descriptor costs one atomic increment. Mirrors PostgreSQL's `File` and `Vfd`.
///
/// Close it with ``close(_:)``; a dropped one closes by itself.
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

    /// Whether IO on it bypasses the page cache.
    public var usesDirectIO: Bool { slot.flags.contains(.direct) }

    /// Whether ``close(_:)`` has been called.
    public var isClosed: Bool { slot.isClosed }

    /// Lends the kernel descriptor to one IO and keeps it open until ``takeBack(token:)``, which
    /// the core calls when the IO was executed.
    ///
    /// One atomic increment while the descriptor is open; otherwise opens it under a lock.
    ///
    /// - Throws: `closed`; `resourcesExhausted` if all descriptors are lent and the process may not
    ///   have more; `fileMissing`, `fileReplaced` or `fileOpenFailed` if the file cannot be
    ///   reopened.
    public func lend() throws(StorageError) -> IODescriptor {
        IODescriptor(try hold(), lender: self, token: 0)
    }

    /// Takes one lent descriptor back. Any thread; waits for no lock.
    ///
    /// Closes the kernel's descriptor if this was the last lend of a closed file, or if more
    /// descriptors are open than configured and the file has no other use.
    public func takeBack(token: UInt32) {
        if let descriptor = slot.giveBack() {
            files.closeKernel(descriptor, path)
        } else if files.hasOverrun {
            files.closeOverrun(slot)
        }
    }

    /// The descriptor for an IO that another thread executes. It is valid as long as that IO, which
    /// it was lent to, has not completed.
    ///
    /// - Returns: the descriptor, or a negated `errno` if none is open.
    public func descriptorForReopen() -> CInt {
        slot.isOpen ? slot.lentDescriptor : -ErrorNumber.badDescriptor
    }

    /// Ends the use of the file. Submits what the session has staged, waits for IO in flight only
    /// if the method requires the descriptor to stay open, and closes the kernel's descriptor.
    ///
    /// Other IO in flight keeps the kernel's descriptor open until it is done. Later uses throw
    /// `closed`; calling it again does nothing. Mirrors PostgreSQL's `FileClose`.
    public func close(_ session: Session) {
        guard let descriptor = startClosing() else { return }
        session.closing(descriptor: descriptor, isLent: true)
        takeBack(token: 0)
    }

    /// Closes the file. No session may still have IO on it staged.
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

    /// Runs system calls on the descriptor while holding it.
    func withDescriptor<Result>(_ body: (CInt) -> Result) throws(StorageError) -> Result {
        let descriptor = try hold()
        defer { takeBack(token: 0) }
        return body(descriptor)
    }
}
