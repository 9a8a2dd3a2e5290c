#if RADOS
    import AsyncIO
    import Glibc
    import RadosDisk
    import StorageManager
    import StorageTesting

    /// Random rewrites, syncs, cuts and scans. Each page records its block and version.
    struct Work {
        static let blocks = 2000
        /// The part that is sometimes cut off and added again.
        static let tail = 1500..<2000
        private static let width = 16

        private let stand: Stand
        private let log: AcknowledgementLog
        private var random: SplitMix64
        private let pages = PageMemory(Work.width, apart: true)
        private var writes = 0
        private var failures: [String: Int] = [:]

        init(_ stand: Stand, _ log: AcknowledgementLog, _ seed: UInt64) {
            self.stand = stand
            self.log = log
            random = SplitMix64(seed: seed)
        }

        mutating func run(seconds: Double) throws(StorageError) {
            log.begin(try check())
            RadosClient.say("open")
            try patiently { (work) throws(StorageError) in try work.fillUp() }
            let end = Self.now() + seconds
            var round = 0
            while Self.now() < end {
                round += 1
                try patiently { (work) throws(StorageError) in try work.rewrite() }
                if round % 20 == 0 {
                    try patiently { (work) throws(StorageError) in
                        try work.stand.disk.syncPending(work.stand.session)
                    }
                }
                if round % 90 == 0 {
                    try patiently { (work) throws(StorageError) in try work.renewTail() }
                }
            }
            try patiently { (work) throws(StorageError) in _ = try work.check() }
            RadosClient.say(
                "done \(writes) writes, "
                    + (failures.isEmpty
                        ? "no errors"
                        : failures.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
                            .joined(separator: ", ")))
        }

        private static func now() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }

        /// Repeats what failed because of a time-out or lack of space. Other errors end it.
        private mutating func patiently(
            _ body: (inout Work) throws(StorageError) -> Void
        ) throws(StorageError) {
            for _ in 0..<60 {
                let start = Self.now()
                do throws(StorageError) {
                    return try body(&self)
                } catch {
                    let took = Self.now() - start
                    guard error.code == .timedOut || error.code == .noSpace else { throw error }
                    RadosClient.say("transient \(error.code) after \(took) s")
                    failures[error.code.rawValue, default: 0] += 1
                    // Makes room by cutting the tail.
                    if error.code == .noSpace, (try? cutTail()) != nil {
                        RadosClient.say("emptied")
                    }
                    usleep(300_000)
                }
            }
            RadosClient.fail("an outage never ended")
        }

        private mutating func fillUp() throws(StorageError) {
            let count = Int(try stand.storage.blockCount(.main))
            guard count < Self.blocks else { return }
            try stand.storage.zeroExtend(
                .main, from: BlockNumber(UInt32(count)), count: Self.blocks - count,
                sync: .register)
        }

        private func cutTail() throws(StorageError) {
            log.add("T")
            try stand.storage.truncate(
                .main, to: UInt32(Self.tail.lowerBound), session: stand.session)
            log.add("t")
        }

        private mutating func renewTail() throws(StorageError) {
            try cutTail()
            try fillUp()
        }

        /// A page's words: the block, the version, and what follows from both and the position.
        private static func word(_ index: Int, _ block: Int, _ version: UInt32) -> UInt32 {
            switch index {
            case 0: UInt32(block)
            case 1: version
            default: UInt32(block) &* 0x9E37_79B1 ^ version &* 0x85EB_CA6B &+ UInt32(index)
            }
        }

        private static func fill(_ page: PageAddress, _ block: Int, _ version: UInt32) {
            let words = page.bytes.bindMemory(to: UInt32.self)
            for index in words.indices { words[index] = word(index, block, version) }
        }

        private mutating func rewrite() throws(StorageError) {
            try fillUp()
            var started: [(WaitReference, IOReturn, first: Int, count: Int, version: UInt32)] = []
            var used = 0
            var blocks: Set<Int> = []
            var failure: StorageError?
            while used < Self.width {
                let count = min(1 + random.below(4), Self.width - used)
                var first = random.below(Self.blocks - count)
                let limit = stand.storage.maximumWrite(.main, block: BlockNumber(UInt32(first)))
                if limit < count { first -= count }
                guard blocks.isDisjoint(with: first..<first + count) else { continue }
                blocks.formUnion(first..<first + count)
                let version = log.nextVersion
                for place in 0..<count {
                    log.add("i \(first + place) \(version)")
                    Self.fill(pages[used + place], first + place, version)
                }
                let outcome = IOReturn()
                do throws(StorageError) {
                    let reference = try stand.start(
                        .write, UInt32(first), Array(pages.addresses[used..<used + count]),
                        reporting: outcome)
                    started.append((reference, outcome, first, count, version))
                } catch { failure = error }
                used += count
            }
            for (reference, outcome, first, count, version) in started {
                do throws(StorageError) {
                    try stand.session.wait(for: reference)
                    try stand.system.check(outcome)
                    for block in first..<first + count { log.add("a \(block) \(version)") }
                    writes += count
                } catch { failure = error }
            }
            if let failure { throw failure }
        }

        /// Reads everything, and compares with what was acknowledged.
        ///
        /// - Returns: the versions of all blocks.
        private func check() throws(StorageError) -> [UInt32] {
            var versions = [UInt32](repeating: 0, count: Self.blocks)
            let count = min(Self.blocks, Int(try stand.storage.blockCount(.main)))
            var block = 0
            let memory = PageMemory(Self.width)
            while block < count {
                let limit = stand.storage.maximumCombine(.main, block: BlockNumber(UInt32(block)))
                let part = min(Self.width, limit, count - block)
                let outcome = IOReturn()
                let reference = try stand.start(
                    .read, UInt32(block), Array(memory.addresses[0..<part]), reporting: outcome)
                try stand.session.wait(for: reference)
                try stand.system.check(outcome)
                for place in 0..<part {
                    versions[block + place] = check(block + place, memory, place)
                }
                block += part
            }
            for block in count..<Self.blocks where !log.allows(block, 0) {
                RadosClient.fail("block \(block) is gone: \(log.description(block))")
            }
            return versions
        }

        private func check(_ block: Int, _ memory: PageMemory, _ place: Int) -> UInt32 {
            if memory.isZero(place) {
                if log.allows(block, 0) { return 0 }
                RadosClient.fail("block \(block) is zero: \(log.description(block))")
            }
            let words = memory[place].bytes.bindMemory(to: UInt32.self)
            let version = words[1]
            let isWhole = words.indices.allSatisfy {
                words[$0] == Self.word($0, block, version)
            }
            if isWhole, log.allows(block, version) { return version }
            RadosClient.fail(
                "block \(block) has version \(version), \(isWhole ? "whole" : "torn"), of block"
                    + " \(words[0]): \(log.description(block))")
        }
    }
#endif
