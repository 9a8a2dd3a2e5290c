import AsyncIO
import FileAccess
import StorageManager
import StorageTesting
import Testing
import Threads

@testable import CompressedDisk

/// What a failed record of the map would have said is part of the next one.
@Suite("Map records that fail") struct FailedRecordTests {
    /// Chunks that were cut off before the failure, and are part of the fork again after it, hold
    /// zeroes.
    @Test(arguments: IOMethodMatrix.real) func doesNotForgetWhatWasCutOff(_ method: TestedMethod)
        throws
    {
        let directory = TemporaryDirectory()
        try RealStore.make(directory.path, method, blocks: 20)
        let files = FullForMaps()
        let configure = { (all: inout FileAccessConfiguration) in all.fileSystem = files }
        try RealStore.with(directory.path, method, configure: configure) { store in
            try store.storage.truncate(.main, to: 4, session: store.session)
            files.isFull = true
            #expect(throws: StorageError.self) { try store.manager.syncPending(store.session) }
            files.isFull = false
            try store.storage.zeroExtend(.main, from: 4, count: 16, sync: .register)
            try store.manager.syncPending(store.session)
        }
        try RealStore.with(directory.path, method) { store in
            let (count, findings) = (try store.storage.blockCount(.main), try store.check())
            #expect(count == 20 && findings.isEmpty)
            for block: UInt32 in 0..<20 {
                #expect(store.read(block) == (block < 4 ? .right : .zeroes), "block \(block)")
            }
        }
    }
}

/// The kernel's file system, without room for records of maps.
private final class FullForMaps: ForwardingFileSystem {
    let underlying = KernelFileSystem()
    private let state = Lock((isFull: false, maps: Set<CInt>()), rank: .observer)

    var isFull: Bool {
        get { state.withLock { $0.isFull } }
        set { state.withLock { $0.isFull = newValue } }
    }

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        let descriptor = underlying.open(path, in: root, flags)
        state.withLock { state in
            state.maps.remove(descriptor)
            if path.contains(".map") { state.maps.insert(descriptor) }
        }
        return descriptor
    }

    func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        let fails = state.withLock { $0.isFull && $0.maps.contains(descriptor) }
        return fails ? -Int(ENOSPC) : unsafe underlying.write(descriptor, vectors, at: offset)
    }
}
