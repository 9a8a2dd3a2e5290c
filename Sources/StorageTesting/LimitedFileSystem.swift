internal import AsyncIO
public import FileAccess
public import Threads

/// The kernel's file system with a test-defined amount of free space and with syncs that fail on
/// demand.
///
/// Writes and allocations consume the space; nothing frees it. Affects blocking calls only: IO
/// started on handles goes to the IO method. Safe to use from any thread.
public final class LimitedFileSystem: ForwardingFileSystem {
    /// The kernel's file system.
    public let underlying = KernelFileSystem()
    private let limits = Lock(Limits(), rank: .observer)

    private struct Limits {
        var space: Int?
        var recovers = false
        var syncError: CInt = 0

        /// Takes up to `wanted` bytes and returns how many.
        mutating func take(_ wanted: Int) -> Int {
            guard let left = space else { return wanted }
            let taken = min(left, wanted)
            space = recovers && taken == 0 && wanted > 0 ? nil : left - taken
            return taken
        }
    }

    /// Makes a file system without limits.
    public init() {}

    /// Sets the number of bytes left; nil: no limit.
    ///
    /// - Parameters:
    ///   - bytes: the bytes left; nil for no limit.
    ///   - recovers: whether there is space again after one call found none.
    public func leave(_ bytes: Int?, recovers: Bool = false) {
        limits.withLock { limits in
            limits.space = bytes
            limits.recovers = recovers
        }
    }

    /// Makes all syncs fail with an `errno`; zero ends that.
    public func failSyncs(_ errorNumber: CInt) {
        limits.withLock { $0.syncError = errorNumber }
    }

    /// Writes as much as there is space for.
    @unsafe
    public func write(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int {
        let total = unsafe vectors.reduce(0) { unsafe $0 + $1.iov_len }
        let taken = limits.withLock { $0.take(total) }
        if taken == total { return unsafe underlying.write(descriptor, vectors, at: offset) }
        guard taken > 0, let first = unsafe vectors.first else { return -Int(ENOSPC) }
        let cut = unsafe iovec(iov_base: first.iov_base, iov_len: min(first.iov_len, taken))
        return unsafe withUnsafePointer(to: cut) {
            unsafe underlying.write(
                descriptor, UnsafeBufferPointer(start: $0, count: 1), at: offset)
        }
    }

    /// Allocates as much as there is space for. If that is not all, the part stays, as with some
    /// file systems.
    public func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        let taken = limits.withLock { $0.take(Int(count)) }
        if taken == count { return underlying.allocate(descriptor, at: offset, count: count) }
        if taken > 0 { _ = underlying.allocate(descriptor, at: offset, count: Int64(taken)) }
        return -ENOSPC
    }

    /// Syncs, or fails.
    public func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt {
        let error = limits.withLock { $0.syncError }
        return error != 0 ? -error : underlying.sync(descriptor, dataOnly: dataOnly)
    }
}
