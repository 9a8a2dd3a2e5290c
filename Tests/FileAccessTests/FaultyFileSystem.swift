import AsyncIO
import FileAccess
import StorageTesting
import Threads

/// The kernel's file system with faults over it, and a record of what was called.
final class FaultyFileSystem: ForwardingFileSystem {
    enum Call: Hashable {
        case open, read, write, sync, syncAll, writeError, truncate, allocate, status, rename
    }

    struct State {
        /// The results of the next calls of a kind, instead of making them; nil makes the call.
        var faults: [Call: [CInt?]] = [:]
        /// Makes every call return `EINTR` first.
        var interruptsEverything = false
        private var wasInterrupted = false
        /// The most bytes that one read or write moves.
        var transferLimit = Int.max
        /// The greatest length of a file.
        var sizeLimit = Int64.max
        /// The most descriptors, not counting the directory's.
        var descriptorLimit = Int.max
        /// Paths whose fsync itself fails, under every IO method.
        var unsyncable: Set<String> = []
        /// Called with the path on every opening, without the lock.
        var onOpen: (@Sendable (String) -> Void)?
        var openDescriptors: [CInt: String] = [:]
        var log: [String] = []

        mutating func interrupts() -> Bool {
            guard interruptsEverything else { return false }
            wasInterrupted.toggle()
            return wasInterrupted
        }
    }

    let state = Lock(State(), rank: .observer)
    let underlying = KernelFileSystem()

    func with<Result>(_ body: (inout sending State) -> sending Result) -> Result {
        state.withLock(body)
    }

    var openCount: Int { state.withLock { $0.openDescriptors.count } }
    var log: [String] { state.withLock { $0.log } }

    private func fault(_ call: Call) -> CInt? {
        state.withLock { state in
            if state.interrupts() { return -EINTR }
            guard var list = state.faults[call], !list.isEmpty else { return nil }
            let first = list.removeFirst()
            state.faults[call] = list
            return first.map { -$0 }
        }
    }

    private func name(_ descriptor: CInt) -> String {
        state.withLock { $0.openDescriptors[descriptor] ?? "?" }
    }

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        state.withLock { $0.onOpen }?(path)
        if let error = fault(.open) { return error }
        // Counted and opened in one step, so that the limit holds for several threads.
        return state.withLock { state in
            guard state.openDescriptors.count < state.descriptorLimit else { return -EMFILE }
            let descriptor =
                state.unsyncable.contains(path)
                ? underlying.open("/dev/null", in: root, [])
                : underlying.open(path, in: root, flags)
            if descriptor >= 0 { state.openDescriptors[descriptor] = path }
            return descriptor
        }
    }

    func close(_ descriptor: CInt) -> CInt {
        state.withLock { state in
            state.openDescriptors[descriptor] = nil
            return underlying.close(descriptor)
        }
    }

    @unsafe
    func read(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        if let error = fault(.read) { return Int(error) }
        return unsafe limited(vectors, state.withLock { $0.transferLimit }) {
            unsafe underlying.read(descriptor, $0, at: offset)
        }
    }

    @unsafe
    func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        if let error = fault(.write) { return Int(error) }
        let (transfer, size) = state.withLock { ($0.transferLimit, $0.sizeLimit) }
        if offset >= size { return -Int(ENOSPC) }
        return unsafe limited(vectors, min(transfer, Int(clamping: size - offset))) {
            unsafe underlying.write(descriptor, $0, at: offset)
        }
    }

    private func limited(
        _ vectors: UnsafeBufferPointer<iovec>, _ limit: Int,
        _ body: (UnsafeBufferPointer<iovec>) -> Int
    ) -> Int {
        unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: vectors.count) { cut in
            _ = unsafe cut.initialize(from: vectors)
            var room = limit
            var used = 0
            while used < cut.count && room > 0 {
                unsafe cut[used].iov_len = unsafe min(cut[used].iov_len, room)
                unsafe room -= cut[used].iov_len
                used += 1
            }
            return unsafe body(UnsafeBufferPointer(rebasing: cut[..<used]))
        }
    }

    func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt {
        if let error = fault(.sync) { return error }
        let path = name(descriptor)
        state.withLock { $0.log.append("sync \(path)") }
        return underlying.sync(descriptor, dataOnly: dataOnly)
    }

    func syncAll(_ descriptor: CInt) -> CInt {
        state.withLock { $0.log.append("sync all") }
        return fault(.syncAll) ?? underlying.syncAll(descriptor)
    }

    func writeError(_ descriptor: CInt) -> CInt {
        fault(.writeError) ?? underlying.writeError(descriptor)
    }

    func truncate(_ descriptor: CInt, to size: Int64) -> CInt {
        fault(.truncate) ?? underlying.truncate(descriptor, to: size)
    }

    func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        state.withLock { $0.log.append("allocate") }
        if let error = fault(.allocate) { return error }
        let limit = state.withLock { $0.sizeLimit }
        if offset + count <= limit {
            return underlying.allocate(descriptor, at: offset, count: count)
        }
        // As some file systems do: a part, then the error.
        if limit > offset { _ = underlying.truncate(descriptor, to: limit) }
        return -ENOSPC
    }

    func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        if let error = fault(.status) { return error }
        let error = underlying.status(descriptor, into: &status)
        let path = name(descriptor)
        // Makes the device behind such a path count as a file.
        if state.withLock({ $0.unsyncable.contains(path) }) { status.kind = .file }
        return error
    }

    func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        fault(.status) ?? underlying.status(path, in: root, into: &status)
    }

    func rename(_ path: String, to target: String, in root: CInt) -> CInt {
        if let error = fault(.rename) { return error }
        state.withLock { $0.log.append("rename \(path) \(target)") }
        return underlying.rename(path, to: target, in: root)
    }
}
