internal import AsyncIO
public import FileAccess

#if canImport(Glibc)
    public import Glibc
#elseif canImport(Darwin)
    public import Darwin
#endif

/// The kernel's file system with as many bytes left as a test says, and syncs that fail on demand.
///
/// Space is counted as writes and allocations are made; nothing gives it back. Holds for calls that
/// block; IO started on handles goes to the IO method. Any thread.
public final class LimitedFileSystem: ForwardingFileSystem {
    /// The kernel's.
    public let underlying = KernelFileSystem()
    private let limits = Lock(Limits())

    private struct Limits {
        var space: Int?
        var recovers = false
        var syncError: CInt = 0

        /// How many of `wanted` bytes there is space for.
        mutating func take(_ wanted: Int) -> Int {
            guard let left = space else { return wanted }
            let taken = min(left, wanted)
            space = recovers && taken == 0 && wanted > 0 ? nil : left - taken
            return taken
        }
    }

    /// Makes one without limits.
    public init() {}

    /// Leaves so many bytes, nil for no limit.
    ///
    /// - Parameter recovers: there is space again after one call found none.
    public func leave(_ bytes: Int?, recovers: Bool = false) {
        limits.withLock { limits in
            limits.space = bytes
            limits.recovers = recovers
        }
    }

    /// Has all syncs fail with that `errno`; zero ends it.
    public func failSyncs(_ errorNumber: CInt) {
        limits.withLock { $0.syncError = errorNumber }
    }

    /// Writes what there is space for.
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

    /// Allocates what there is space for; as with some file systems, that part stays.
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
