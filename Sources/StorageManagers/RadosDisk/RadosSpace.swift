#if RADOS
    internal import AsyncIO
    internal import Logging
    internal import StorageManager
    internal import Synchronization
    internal import Threads

    /// What all relations of one manager share: the connection, the epoch, and memory for gathering
    /// pages. Any thread.
    final class RadosSpace: Sendable {
        let cluster: RadosCluster
        /// Nil for a reader.
        let lock: NamespaceLock?
        let epoch: Epoch
        let scratch = ScratchBuffers()
        private let leavesWork = Atomic<Bool>(false)

        init(
            _ configuration: RadosConfiguration, _ access: RadosHome.Access, _ logger: Logger
        ) throws(StorageError) {
            let cluster = try RadosCluster(configuration)
            do throws(StorageError) {
                switch access {
                case .readWrite:
                    let lock = try NamespaceLock(cluster, logger)
                    self.lock = lock
                    epoch = lock.epoch
                case .readOnly:
                    lock = nil
                    epoch = try NamespaceLock.readersEpoch(cluster)
                }
            } catch {
                cluster.disconnect()
                throw error
            }
            self.cluster = cluster
        }

        /// Whether nothing may be written to the cluster.
        var isReadOnly: Bool { lock == nil }

        /// Releases the namespace and ends the connection. All IO must be complete.
        ///
        /// - Parameter inOrder: whether lengths are synced. If not, the next writer takes over.
        func end(inOrder: Bool) {
            lock?.release(
                inOrder: inOrder && !cluster.hasGivenUp
                    && !leavesWork.load(ordering: .relaxed))
            cluster.disconnect()
        }

        /// Records that the next writer must settle what this one could not sync.
        func leaveWork() { leavesWork.store(true, ordering: .relaxed) }
    }

    /// Memory in which the pages of one IO are contiguous. Any thread.
    ///
    /// A session's thread takes a buffer, and the thread that completes the IO returns it. The lock
    /// is held only briefly, and never while waiting for IO.
    @safe
    final class ScratchBuffers: @unchecked Sendable {
        /// The most bytes that one IO moves.
        static let byteCount = maximumBlocks * blockSize
        /// The most blocks of one IO: 1 MiB.
        static let maximumBlocks = 128
        /// How many free buffers are kept.
        private static let keptCount = 64

        private let free = Lock<[ScratchBuffer]>([], rank: .radosScratch)

        deinit { for buffer in free.withLock({ $0 }) { unsafe buffer.memory.deallocate() } }

        func take() -> ScratchBuffer {
            if let buffer = free.withLock({ $0.popLast() }) { return buffer }
            return unsafe ScratchBuffer(
                memory: .allocate(byteCount: Self.byteCount, alignment: 4096))
        }

        func giveBack(_ buffer: ScratchBuffer) {
            let isKept = free.withLock { free in
                guard free.count < Self.keptCount else { return false }
                // Room was reserved when a buffer was first taken.
                free.append(buffer)
                return true
            }
            if !isKept { unsafe buffer.memory.deallocate() }
        }
    }

    /// `ScratchBuffers.byteCount` bytes; one owner at a time.
    @safe
    struct ScratchBuffer: @unchecked Sendable {
        let memory: UnsafeMutableRawPointer

        init(memory: UnsafeMutableRawPointer) { unsafe self.memory = unsafe memory }

        /// Gathers pieces of memory into the buffer.
        @unsafe
        func gather(_ vectors: UnsafeBufferPointer<iovec>) {
            var offset = 0
            for position in vectors.indices {
                let vector = unsafe vectors[position]
                guard let base = unsafe vector.iov_base else { continue }
                unsafe (memory + offset).copyMemory(from: base, byteCount: vector.iov_len)
                unsafe offset += vector.iov_len
            }
        }

        /// Scatters the buffer over pieces of memory. `count` bytes of it are valid; the rest of
        /// the pieces become zeroes.
        @unsafe
        func scatter(_ count: Int, to vectors: UnsafeBufferPointer<iovec>) {
            var offset = 0
            for position in vectors.indices {
                let vector = unsafe vectors[position]
                guard let base = unsafe vector.iov_base else { continue }
                let length = unsafe vector.iov_len
                let valid = max(0, min(length, count - offset))
                unsafe base.copyMemory(from: memory + offset, byteCount: valid)
                unsafe (base + valid).initializeMemory(
                    as: UInt8.self, repeating: 0, count: length - valid)
                offset += length
            }
        }
    }
#endif
