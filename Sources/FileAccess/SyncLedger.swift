internal import AsyncIO
internal import CPlatform
internal import Synchronization
internal import Threads

/// Which paths are being synced, and which failed to sync.
///
/// The kernel reports a failed write-back once per open file. Of two simultaneous syncs one may
/// fail and the other succeed although its data is gone. So only one thread at a time syncs a path,
/// and a failure is recorded before the next sync begins.
final class SyncLedger: Sendable {
    private struct Contents {
        var failures: [String: CInt] = [:]
        var active: Set<String> = []
        var waiters = 0
    }

    private let contents = Lock(Contents(), rank: .syncLedger)
    private let ended = WakeSignal()

    /// Begins a sync, waiting for another thread's sync of the same path.
    ///
    /// The caller must have no sync begun on any other path; otherwise two threads could wait for
    /// each other.
    ///
    /// - Returns: the `errno` of an earlier failure, in which case no sync is begun.
    func begin(_ path: String) -> CInt? {
        while true {
            let seen = ended.value
            switch tryBegin(path, announcing: true) {
            case .begun: return nil
            case .failed(let errorNumber): return errorNumber
            case .busy: ended.wait(whileValueIs: seen)
            }
            contents.withLock { $0.waiters -= 1 }
        }
    }

    enum Beginning {
        case begun
        case busy
        case failed(CInt)
    }

    /// Begins a sync unless another thread is syncing the path.
    func tryBegin(_ path: String) -> Beginning { tryBegin(path, announcing: false) }

    private func tryBegin(_ path: String, announcing: Bool) -> Beginning {
        contents.withLock { contents in
            if let errorNumber = contents.failures[path] { return .failed(errorNumber) }
            if contents.active.insert(path).inserted { return .begun }
            if announcing { contents.waiters += 1 }
            return .busy
        }
    }

    /// Ends a sync that was begun, recording its failure.
    func end(_ path: String, failure: CInt?) {
        let isAwaited = contents.withLock { contents in
            contents.active.remove(path)
            if let failure { contents.failures[path] = failure }
            return contents.waiters > 0
        }
        if isAwaited { ended.signal() }
    }

    /// Whether an earlier sync of one of these paths failed.
    func hasFailure(among paths: some Sequence<String>) -> Bool {
        contents.withLock { contents in
            !contents.failures.isEmpty && paths.contains { contents.failures[$0] != nil }
        }
    }

    func failure(of path: String) -> CInt? { contents.withLock { $0.failures[path] } }

    func recordFailure(_ path: String, errorNumber: CInt) {
        contents.withLock { $0.failures[path] = errorNumber }
    }

    /// Forgets the failure of a file that no longer exists.
    func forgive(_ path: String) {
        contents.withLock { contents in
            if !contents.failures.isEmpty { contents.failures[path] = nil }
        }
    }
}

/// A number whose changes threads can sleep for.
@safe
final class WakeSignal: @unchecked Sendable {
    /// Valid as long as the object; the kernel uses its address.
    private let word: UnsafeMutablePointer<Atomic<UInt32>>

    init() {
        unsafe word = .allocate(capacity: 1)
        unsafe word.initialize(to: Atomic(0))
    }

    deinit {
        unsafe word.deinitialize(count: 1)
        unsafe word.deallocate()
    }

    var value: UInt32 { unsafe word.pointee.load(ordering: .acquiring) }

    /// Sleeps until the value differs; may return early.
    func wait(whileValueIs seen: UInt32) {
        _ = unsafe strata_futex_wait(UnsafeRawPointer(word), seen, -1)
    }

    func signal() {
        unsafe word.pointee.add(1, ordering: .releasing)
        unsafe strata_futex_wake(UnsafeRawPointer(word), CInt.max)
    }
}

extension StorageError {
    static func sync(_ path: String, errorNumber: CInt, isRepeated: Bool) -> StorageError {
        .file(
            .fileSyncFailed,
            isRepeated
                ? "file \"\(path)\" cannot be made durable: an earlier sync of it failed"
                : "could not sync file \"\(path)\"",
            path: path, errorNumber: errorNumber,
            remedy: "Close the store, check the disk, and reopen the store so that it "
                + "recovers: what was written may be lost.")
    }
}
