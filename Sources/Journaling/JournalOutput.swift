internal import AsyncIO
internal import FileAccess
internal import StorageManager

/// Writes one batch of a journal by started IO, for which the session waits, and starts syncs.
///
/// A value on the stack of the session's thread, used under the journal's lock.
struct JournalOutput {
    let file: VirtualFile
    let target: IOTargetID
    let session: Session

    /// The size of one IO: large enough for a device to be fast, and small enough that several
    /// threads or requests can share a batch.
    private static let bytesAtATime = 1 << 20

    private struct Flight {
        let offset: Int64
        let length: Int
    }

    /// Writes a header and the pages after it. Both must stay valid during the call.
    ///
    /// - Throws: the error of writing; part may have been written.
    func write(_ head: UnsafeRawBufferPointer, _ pages: Span<JournalledPage>, at offset: Int64)
        throws(StorageError)
    {
        var window = IOWindow<Flight>(session)
        var failure: StorageError?
        do throws(StorageError) {
            try unsafe start(head, pages, offset, &window)
        } catch { failure = error }
        var isShort = false
        // Waits for all of them, since they read the caller's memory.
        while let ended = window.finishOldest() {
            failure = failure ?? ended.failure
            let (flight, result) = (ended.purpose, ended.report.result)
            if result.status != .ok && result.status != .partial {
                failure = failure ?? Self.error(file.path, CInt(clamping: result.errorData))
            } else if Int(result.value) < flight.length {
                isShort = true
            } else {
                // Makes the disk start while the rest is being copied.
                try? file.writeback(at: flight.offset, count: Int64(flight.length))
            }
        }
        if let failure { throw failure }
        // Written again as a whole: the cause may have been temporary, or shows again.
        if isShort { try unsafe writeBlocking(head, pages, offset) }
    }

    private func start(
        _ head: UnsafeRawBufferPointer, _ pages: Span<JournalledPage>, _ offset: Int64,
        _ window: inout IOWindow<Flight>
    ) throws(StorageError) {
        var offset = offset
        var isHead = true
        var next = 0
        while isHead || next < pages.count {
            try window.start { handle throws(StorageError) in
                do throws(StorageError) {
                    try handle.setTarget(target, data: IOTargetData(UInt64(offset)))
                    if isHead {
                        try unsafe handle.appendVector(
                            UnsafeMutableRawBufferPointer(mutating: head))
                    }
                    isHead = false
                    while next < pages.count, handle.vectorByteCount < Self.bytesAtATime,
                        unsafe handle.withVectors({ $0.count }) < handle.capacity
                    {
                        try unsafe handle.appendVector(pages[next].bytes.bytes)
                        next += 1
                    }
                } catch {
                    handle.release()
                    throw error
                }
                let flight = Flight(offset: offset, length: handle.vectorByteCount)
                try file.startWrite(handle, at: offset)
                offset += Int64(flight.length)
                return flight
            }
        }
    }

    private func writeBlocking(
        _ head: UnsafeRawBufferPointer, _ pages: Span<JournalledPage>, _ offset: Int64
    ) throws(StorageError) {
        try unsafe file.writeAll(head, at: offset)
        var offset = offset + Int64(head.count)
        for position in pages.indices {
            try unsafe file.writeAll(
                UnsafeRawBufferPointer(pages[position].bytes.bytes), at: offset)
            offset += Int64(blockSize)
        }
    }

    /// Starts making the writes durable; ``JournalSync`` gets the outcome.
    ///
    /// - Throws: `fileSyncFailed` if an earlier sync of the file failed, which is final.
    func startSync(_ callbacks: IOCallbackID) throws(StorageError) -> WaitReference {
        let handle = try session.acquireHandle()
        do throws(StorageError) {
            try handle.setTarget(target, data: IOTargetData())
            try handle.registerCallbacks(callbacks)
        } catch {
            handle.release()
            throw error
        }
        let reference = handle.waitReference
        try file.startSync(handle, dataOnly: true)
        session.submitStaged()
        return reference
    }

    private static func error(_ path: String, _ number: CInt) -> StorageError {
        StorageError(
            .fileWriteFailed, "could not write copies of pages to the journal \"\(path)\"",
            remedy: StorageError.fileRemedy(for: number),
            at: StorageError.Location(path: path), errorNumber: number)
    }
}

/// The target of the journal's IO.
final class JournalTarget: IOTarget {
    var name: String { "journal" }
    /// Its descriptors are lent, so any thread may use them until the IO is done.
    var canReopen: Bool { true }
    func describe(_ data: IOTargetData) -> String { "the journal from byte \(data.word0) on" }
}
