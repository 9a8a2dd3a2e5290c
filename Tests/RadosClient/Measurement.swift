#if RADOS
    import AsyncIO
    import Glibc
    import RadosDisk
    import StorageManager
    import StorageTesting

    /// Keeps a number of IOs in flight for some time, and prints how fast that was.
    struct Measurement {
        private static let pagesOfAnIO = 16
        private let stand: Stand
        private let depth: Int
        private let memory: PageMemory

        init(_ stand: Stand, depth: Int) {
            self.stand = stand
            self.depth = depth
            // Not contiguous, like a pool's buffers between which other pages came.
            memory = PageMemory(depth * Self.pagesOfAnIO, apart: true)
            memory.fillAll(from: 1)
        }

        func run(_ kind: String, seconds: Double) throws(StorageError) {
            let isWrite = kind == "write"
            let count = kind == "random" ? 1 : Self.pagesOfAnIO
            let present = Int(try stand.storage.blockCount(.main))
            var random = SplitMix64(seed: 1)
            var next = isWrite ? present : 0
            var flying: [(reference: WaitReference, outcome: IOReturn, slot: Int)] = []
            var free = Array(0..<depth)
            var done = 0
            let start = Self.now()
            var reserved = present
            while true {
                let isOver = Self.now() - start > seconds
                while !isOver, let slot = free.popLast() {
                    if isWrite, next + count > reserved {
                        // Works like a loader: some blocks at a time, then their pages.
                        try stand.storage.zeroExtend(
                            .main, from: BlockNumber(UInt32(reserved)), count: 512, sync: .register)
                        reserved += 512
                    }
                    if kind == "random" { next = random.below(present) }
                    if kind == "read", next + count > present { next = 0 }
                    let outcome = IOReturn()
                    let first = slot * Self.pagesOfAnIO
                    let reference = try stand.start(
                        isWrite ? .write : .read, UInt32(next),
                        Array(memory.addresses[first..<first + count]), reporting: outcome)
                    flying.append((reference, outcome, slot))
                    next += count
                }
                if flying.isEmpty { break }
                let oldest = flying.removeFirst()
                try stand.session.wait(for: oldest.reference)
                try stand.system.check(oldest.outcome)
                free.append(oldest.slot)
                done += 1
            }
            if isWrite { try stand.disk.syncPending(stand.session) }
            let took = Self.now() - start
            let operations = (Double(done) / took).rounded()
            let megabytes = (Double(done * count * blockSize) / took / 1e4).rounded() / 100
            RadosClient.say("\(kind) depth \(depth): \(operations) operations/s, \(megabytes) MB/s")
        }

        private static func now() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }
    }
#endif
