internal import AsyncIO
internal import StorageManager
internal import Threads

/// Duties about reading and writing blocks.
extension ConformanceRun {
    func checkBlocking() throws {
        let storage = try makeRelation(blocks: 50)
        try expect(storage, 0, 50, value: 0, when: "when first read")
        for (block, count) in [(0, 1), (49, 1), (7, 20), (15, 2), (31, 19), (0, 50)] {
            try write(storage, UInt32(block), count, value: UInt32(1000 + block))
            try expect(
                storage, UInt32(block), count, value: UInt32(1000 + block), when: "after a write")
        }
        let none = PageMemory(0).addresses
        try storage.read(.main, block: 0, into: none.span)
        try storage.write(.main, block: 0, from: none.span, sync: .register)
    }

    func checkStarted() throws {
        let storage = try makeRelation(blocks: 50)
        for (block, count) in [(0, 16), (3, 1), (13, 7), (49, 1), (30, 16), (0, 50)] {
            let pages = PageMemory(count, apart: count % 2 == 1)
            pages.fillAll(from: UInt32(2000 + block))
            try runAll(.write, storage, UInt32(block), pages, session)
            let back = PageMemory(count, apart: count % 2 == 0)
            try runAll(.read, storage, UInt32(block), back, session)
            expect(
                back.holdsAll(from: UInt32(2000 + block)),
                "\(count) blocks from \(block) on came back changed")
        }
        let outcome = try run(.read, storage, 5, PageMemory(1), session)
        let label = RelationLabel(outcome.targetData)
        expect(
            label.locator.number == 16384 && label.block == 5 && label.count == 1,
            "an IO is labelled \(label)")
        expect(label.manager == Self.id, "an IO is labelled as storage manager \(label.manager)'s")
        // Many at a time, in a batch.
        let pages = PageMemory(50)
        let addresses = pages.addresses
        var references: [WaitReference] = []
        var outcomes: [IOReturn] = []
        try session.enterBatch()
        for block in 0..<50 {
            let outcome = IOReturn()
            let handle = try session.acquireHandle(reporting: outcome)
            references.append(handle.waitReference)
            outcomes.append(outcome)
            try storage.startRead(
                handle, .main, block: BlockNumber(UInt32(block)),
                into: addresses.span.extracting(block..<block + 1))
        }
        try session.exitBatch()
        for reference in references { try session.wait(for: reference) }
        for outcome in outcomes { try system.check(outcome) }
        expect(pages.holdsAll(from: 2000), "reads that were in flight together came back changed")
    }

    /// Reading blocks that do not exist is an error or brings only a part, never contents.
    func checkEnd() throws {
        let storage = try makeRelation(blocks: 18)
        expectError("reading behind the end", [.readFailed, .notFound]) {
            () throws(StorageError) in
            let page = PageMemory(1)
            try storage.read(.main, block: 18, into: page.addresses.span)
        }
        expectError("reading across the end", [.readFailed, .notFound]) {
            () throws(StorageError) in
            let pages = PageMemory(4)
            try storage.read(.main, block: 16, into: pages.addresses.span)
        }
        for block in [18, 40, 4_000_000_000] as [UInt32] {
            do {
                let outcome = try run(.read, storage, block, PageMemory(1), session)
                let error = expectError("a started read of block \(block)") {
                    () throws(StorageError) in
                    try system.check(outcome)
                }
                expect(error?.location.relation != nil, "its error names no relation")
            } catch let error as StorageError {
                expect(
                    [.readFailed, .notFound].contains(error.code),
                    "starting to read block \(block) failed with \(error.code)")
            }
        }
        let count = min(4, storage.maximumCombine(.main, block: 16))
        let pages = PageMemory(count)
        let outcome = try run(.read, storage, 16, pages, session)
        let brought = max(0, Int(outcome.result.value))
        expect(brought <= 2, "\(brought) of 2 blocks were read")
        for position in 0..<min(2, brought) {
            expect(
                pages.holds(position, UInt32(16 + position)), "the last blocks came back changed")
        }
        expectError("extending behind the last possible block", [.extendFailed]) {
            () throws(StorageError) in
            try storage.zeroExtend(
                .main, from: BlockNumber(UInt32.max - 2), count: 5, sync: .register)
        }
        expect(try storage.blockCount(.main) == 18, "a failed extension changed the length")
    }

    /// The completion of one session's IO is visible to others, and its error is reported to it
    /// only.
    func checkForeignCompletion() throws {
        let storage = try makeRelation(blocks: 24)
        for round in 0..<20 {
            let pages = PageMemory(24)
            let addresses = pages.addresses
            var references: [WaitReference] = []
            var outcomes: [IOReturn] = []
            var block = 0
            while block < 24 {
                let limit = storage.maximumCombine(.main, block: BlockNumber(UInt32(block)))
                let count = min(1 + (block + round) % 7, limit, 24 - block)
                let outcome = IOReturn()
                let handle = try session.acquireHandle(reporting: outcome)
                references.append(handle.waitReference)
                outcomes.append(outcome)
                try storage.startRead(
                    handle, .main, block: BlockNumber(UInt32(block)),
                    into: addresses.span.extracting(block..<block + count))
                block += count
            }
            let waited = references
            let core = system
            try TestThreads.run(3) { index in
                for reference in index == 1 ? waited.reversed() : waited {
                    try core.wait(for: reference)
                }
            }
            // Whichever thread completes the IO: the pages are there before anyone sees the
            // completion.
            let complete = pages.holdsAll(from: 0)
            for reference in references { try session.wait(for: reference) }
            for outcome in outcomes { try system.check(outcome) }
            let isWhole = outcomes.reduce(0) { $0 + Int($1.result.value) } == 24
            expect(complete || !isWhole, "pages were not there when their IO was over")
        }
    }

    func checkThreads() throws {
        let storage = try makeRelation(blocks: 48)
        let (system, seed) = (system, method.seed ?? 11)
        // Each writer has the blocks of one remainder, so that writers share groups of blocks.
        try TestThreads.run(4) { index in
            let session = try system.makeSession()
            defer { session.close() }
            var random = SplitMix64(seed: seed, stream: UInt64(index))
            let page = PageMemory(1)
            for round in 1..<25 as Range<UInt32> {
                let block = UInt32(random.below(12)) * 4 + UInt32(index)
                page.fill(0, round * 1000 + block)
                try self.runAll(.write, storage, block, page, session)
                let back = PageMemory(1)
                try self.runAll(.read, storage, block, back, session)
                self.expect(
                    back.holds(0, round * 1000 + block),
                    "block \(block) was not as its only writer wrote it")
                page.fill(0, block)
                try self.runAll(.write, storage, block, page, session)
            }
        }
        try expect(storage, 0, 48, value: 0, when: "after many writers")
    }

    func checkCutting() throws {
        let storage = try makeRelation(blocks: 10)
        let (system, seed) = (system, method.seed ?? 12)
        try TestThreads.run(3) { index in
            let session = try system.makeSession()
            defer { session.close() }
            if index == 0 {
                for round in 0..<30 as Range<UInt32> {
                    try storage.zeroExtend(
                        .main, from: 10, count: Int(1 + round % 20), sync: .register)
                    try storage.truncate(.main, to: 10, session: session)
                }
                return
            }
            var random = SplitMix64(seed: seed, stream: UInt64(index))
            for _ in 0..<80 {
                let count = try storage.blockCount(.main)
                self.expect((10...30).contains(count), "a length of \(count) was seen")
                let block = UInt32(random.below(10))
                let page = PageMemory(1)
                try self.runAll(.read, storage, block, page, session)
                self.expect(
                    page.holds(0, block), "block \(block) changed while others came and went")
                // Blocks that come and go may be missing, but never hold anything but zeroes.
                let later = PageMemory(1)
                do throws(StorageError) {
                    try storage.read(
                        .main, block: BlockNumber(10 + UInt32(random.below(20))),
                        into: later.addresses.span)
                    self.expect(later.isZero(0), "a block that was never written is not zero")
                } catch {
                    self.expect(
                        [.readFailed, .notFound].contains(error.code),
                        "reading a block that went failed with \(error.code)")
                }
            }
        }
    }

    /// Only under the simulated method: a failed IO is reported as an error, and the next attempt
    /// may succeed.
    func checkFailures() throws {
        guard let simulated = SimulatedMethod.of(system) else { return }
        let storage = try makeRelation(blocks: 20)
        for operation in [IOOperation.read, .write] {
            let before = simulated.statistics.submitted
            simulated.inject(ScheduledFault(.error(EIO), on: operation))
            let page = PageMemory(1)
            page.fill(0, operation == .write ? 903 : 0)
            let outcome = try run(operation, storage, 3, page, session)
            guard simulated.statistics.submitted > before else {
                // Without IO there is no failure.
                try system.check(outcome)
                continue
            }
            let error = expectError("an IO that failed") { () throws(StorageError) in
                try system.check(outcome)
            }
            expect(
                error?.code == (operation == .read ? .readFailed : .writeFailed),
                "a failed IO is reported as \(error?.code.rawValue ?? "nothing")")
            expect(error?.errorNumber == EIO, "a failed IO's error lacks the kernel's number")
            try runAll(operation, storage, 3, page, session)
            let value: UInt32 = operation == .read ? 3 : 903
            expect(page.holds(0, value), "the attempt after a failed one brought another page")
            try expect(storage, 3, 1, value: value, when: "after a failure")
        }
        try expect(storage, 0, 3, value: 0, when: "beside a failure")
        try expect(storage, 4, 16, value: 4, when: "beside a failure")
    }

    /// Only under the simulated method: a short IO counts only for what it moved.
    func checkShortIO() throws {
        guard let simulated = SimulatedMethod.of(system) else { return }
        let storage = try makeRelation(blocks: 32)
        for bytes in [blockSize, 3 * blockSize, 100, blockSize + 17] {
            for operation in [IOOperation.read, .write] {
                simulated.inject(ScheduledFault(.transfersAtMost(bytes), on: operation))
                let pages = PageMemory(8)
                pages.fillAll(from: 8)
                do {
                    try runAll(operation, storage, 8, pages, session)
                } catch let error as StorageError {
                    expect(
                        error.code == (operation == .read ? .readFailed : .writeFailed),
                        "an IO cut short is reported as \(error.code)")
                    try runAll(operation, storage, 8, pages, session)
                }
                expect(pages.holdsAll(from: 8), "an IO cut short brought other pages")
                try expect(storage, 0, 32, value: 0, when: "after an IO that was cut short")
            }
        }
    }
}
