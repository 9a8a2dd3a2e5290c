import AsyncIO
import FileAccess

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The kernel's file system with faults over it, and a record of what was called.
final class FaultyFileSystem: FileSystem {
    enum Call: Hashable {
        case open, read, write, sync, truncate, allocate, status, rename
    }

    struct State {
        /// What the next calls of a kind return instead of being made; nil makes one.
        var faults: [Call: [CInt?]] = [:]
        /// Every `EINTR` first, then the call.
        var interruptsEverything = false
        private var wasInterrupted = false
        /// How many bytes one read or write moves at most.
        var transferLimit = Int.max
        /// How long files can become.
        var sizeLimit = Int64.max
        /// How many descriptors there are at most, the directory's aside.
        var descriptorLimit = Int.max
        /// Paths whose fsync fails by itself, under every IO method.
        var unsyncable: Set<String> = []
        /// Called with the path of every opening, without the lock.
        var onOpen: (@Sendable (String) -> Void)?
        var openDescriptors: [CInt: String] = [:]
        var log: [String] = []

        mutating func interrupts() -> Bool {
            guard interruptsEverything else { return false }
            wasInterrupted.toggle()
            return wasInterrupted
        }
    }

    let state = Lock(State())
    private let kernel = KernelFileSystem()

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

    func openRoot(_ path: String) -> CInt { kernel.openRoot(path) }

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        state.withLock { $0.onOpen }?(path)
        if let error = fault(.open) { return error }
        // Counted and opened in one step, so that the limit holds for several threads.
        return state.withLock { state in
            guard state.openDescriptors.count < state.descriptorLimit else { return -EMFILE }
            let descriptor =
                state.unsyncable.contains(path)
                ? kernel.open("/dev/null", in: root, []) : kernel.open(path, in: root, flags)
            if descriptor >= 0 { state.openDescriptors[descriptor] = path }
            return descriptor
        }
    }

    func close(_ descriptor: CInt) -> CInt {
        state.withLock { state in
            state.openDescriptors[descriptor] = nil
            return kernel.close(descriptor)
        }
    }

    @unsafe
    func read(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        if let error = fault(.read) { return Int(error) }
        return unsafe limited(vectors, state.withLock { $0.transferLimit }) {
            unsafe kernel.read(descriptor, $0, at: offset)
        }
    }

    @unsafe
    func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        if let error = fault(.write) { return Int(error) }
        let (transfer, size) = state.withLock { ($0.transferLimit, $0.sizeLimit) }
        if offset >= size { return -Int(ENOSPC) }
        return unsafe limited(vectors, min(transfer, Int(clamping: size - offset))) {
            unsafe kernel.write(descriptor, $0, at: offset)
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
        return kernel.sync(descriptor, dataOnly: dataOnly)
    }

    func truncate(_ descriptor: CInt, to size: Int64) -> CInt {
        fault(.truncate) ?? kernel.truncate(descriptor, to: size)
    }

    func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        state.withLock { $0.log.append("allocate") }
        if let error = fault(.allocate) { return error }
        let limit = state.withLock { $0.sizeLimit }
        if offset + count <= limit {
            return kernel.allocate(descriptor, at: offset, count: count)
        }
        // As some file systems do: a part, then the error.
        if limit > offset { _ = kernel.truncate(descriptor, to: limit) }
        return -ENOSPC
    }

    func prefetch(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        kernel.prefetch(descriptor, at: offset, count: count)
    }

    func startWriteback(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        kernel.startWriteback(descriptor, at: offset, count: count)
    }

    func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        fault(.status) ?? kernel.status(descriptor, into: &status)
    }

    func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        fault(.status) ?? kernel.status(path, in: root, into: &status)
    }

    func rename(_ path: String, to target: String, in root: CInt) -> CInt {
        if let error = fault(.rename) { return error }
        state.withLock { $0.log.append("rename \(path) \(target)") }
        return kernel.rename(path, to: target, in: root)
    }

    func unlink(_ path: String, in root: CInt) -> CInt { kernel.unlink(path, in: root) }

    func removeDirectory(_ path: String, in root: CInt) -> CInt {
        kernel.removeDirectory(path, in: root)
    }

    func makeDirectory(_ path: String, in root: CInt) -> CInt {
        kernel.makeDirectory(path, in: root)
    }

    func list(_ descriptor: CInt, into names: inout [String]) -> CInt {
        kernel.list(descriptor, into: &names)
    }
}
