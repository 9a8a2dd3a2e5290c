import AsyncIO
import FileAccess
import Foundation
import StorageTesting
import Threads

/// The kernel's files with calls that fail by a seed, below the tool's own code: `EIO` wherever the
/// system may report it, short transfers, full disks, and failing syncs.
///
/// It also executes IO started on handles, under every IO method that lets an executor do so: all
/// but io_uring, whose kernel knows only descriptors. Any thread.
final class FailingFileSystem: ForwardingFileSystem, IOExecutor {
    /// How likely calls are to fail.
    struct Faults: Sendable {
        /// Reading pages and files.
        var read = 0.0
        /// Transfers that move only a part, which is not an error.
        var short = 0.0
        /// Writing and extending files: `EIO`.
        var write = 0.0
        /// Writing and extending files: `ENOSPC`.
        var full = 0.0
        /// Syncing.
        var sync = 0.0
        /// Opening files, reading their status, and naming and removing them.
        var names = 0.0
    }

    let underlying = KernelFileSystem()
    private let state: Lock<(random: SplitMix64, faults: Faults, count: Int)>

    init(seed: UInt64, _ faults: Faults) {
        state = Lock((SplitMix64(seed: seed, stream: 17), faults, 0), rank: .observer)
    }

    /// How many calls have failed or moved only a part.
    var faultCount: Int { state.withLock { $0.count } }

    private func draw(_ probability: any KeyPath<Faults, Double> & Sendable) -> Bool {
        state.withLock { state in
            let happens = state.random.chance(state.faults[keyPath: probability])
            if happens { state.count += 1 }
            return happens
        }
    }

    /// How many bytes of a transfer are moved.
    private func share(_ length: Int) -> Int {
        guard length > 1, draw(\.short) else { return length }
        return state.withLock { 1 + $0.random.below(length - 1) }
    }

    // MARK: Calls that block

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        draw(\.names) ? -EIO : underlying.open(path, in: root, flags)
    }

    @unsafe
    func read(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        if draw(\.read) { return -Int(EIO) }
        return unsafe cut(vectors) { unsafe underlying.read(descriptor, $0, at: offset) }
    }

    @unsafe
    func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        if draw(\.write) { return -Int(EIO) }
        if draw(\.full) { return -Int(ENOSPC) }
        return unsafe cut(vectors) { unsafe underlying.write(descriptor, $0, at: offset) }
    }

    func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt {
        draw(\.sync) ? -EIO : underlying.sync(descriptor, dataOnly: dataOnly)
    }

    func truncate(_ descriptor: CInt, to size: Int64) -> CInt {
        draw(\.write) ? -EIO : underlying.truncate(descriptor, to: size)
    }

    func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        draw(\.full) ? -ENOSPC : underlying.allocate(descriptor, at: offset, count: count)
    }

    func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        draw(\.names) ? -EIO : underlying.status(descriptor, into: &status)
    }

    func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        draw(\.names) ? -EIO : underlying.status(path, in: root, into: &status)
    }

    func rename(_ path: String, to target: String, in root: CInt) -> CInt {
        draw(\.names) ? -EIO : underlying.rename(path, to: target, in: root)
    }

    func unlink(_ path: String, in root: CInt) -> CInt {
        draw(\.names) ? -EIO : underlying.unlink(path, in: root)
    }

    func list(_ descriptor: CInt, into names: inout [String]) -> CInt {
        draw(\.names) ? -EIO : underlying.list(descriptor, into: &names)
    }

    // MARK: IO on handles

    func execute(_ io: StagedIO) -> Int {
        switch io.operation {
        case .sync: return Int(sync(io.descriptor, dataOnly: false))
        case .dataSync: return Int(sync(io.descriptor, dataOnly: true))
        case .read: return unsafe read(io.descriptor, io.vectors, at: io.offset)
        case .write: return unsafe write(io.descriptor, io.vectors, at: io.offset)
        case .none: return -Int(EOPNOTSUPP)
        }
    }

    /// Passes on the beginning of the vectors, or all of them.
    private func cut(
        _ vectors: UnsafeBufferPointer<iovec>, _ body: (UnsafeBufferPointer<iovec>) -> Int
    ) -> Int {
        let length = unsafe vectors.reduce(0) { unsafe $0 + $1.iov_len }
        var room = share(length)
        if room == length { return unsafe body(vectors) }
        var parts: [iovec] = unsafe []
        for vector in unsafe vectors where room > 0 {
            unsafe parts.append(
                iovec(iov_base: vector.iov_base, iov_len: min(vector.iov_len, room)))
            unsafe room -= min(vector.iov_len, room)
        }
        return unsafe parts.withUnsafeBufferPointer { unsafe body($0) }
    }
}
