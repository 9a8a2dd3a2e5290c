internal import AsyncIO
internal import StorageManager

/// Duties about whole forks: existence, length, and durability.
extension ConformanceRun {
    func checkDeclarations() throws {
        expect(!manager.name.isEmpty, "the manager has no name")
        expect(manager.capabilities == manager.capabilities, "its capabilities change")
        let storage = try makeRelation(blocks: 3)
        let group = storage.blocksPerGroup(.main)
        expect(group >= 1, "blocksPerGroup is \(group)")
        _ = try storage.prefetch(.main, block: 0, count: 3)
        try storage.writeback(.main, block: 0, count: 3)
        try expect(storage, 0, 3, value: 0, when: "after hints")
    }

    func checkForks() throws {
        let storage = try open()
        for fork in Fork.allCases {
            expect(try !storage.exists(fork), "\(fork) exists before it was created")
            expectError("the length of the missing \(fork)", [.notFound]) {
                () throws(StorageError) in
                _ = try storage.blockCount(fork)
            }
            try storage.create(fork, ifMissing: false)
            expect(try storage.exists(fork), "\(fork) does not exist once created")
            expect(try storage.blockCount(fork) == 0, "a new \(fork) is not empty")
            expectError("creating \(fork) twice", [.alreadyExists]) { () throws(StorageError) in
                try storage.create(fork, ifMissing: false)
            }
            try storage.zeroExtend(fork, from: 0, count: 2, sync: .register)
            try write(storage, 0, 2, value: UInt32(fork.rawValue) * 10, fork)
            try storage.create(fork, ifMissing: true)
            expect(try storage.blockCount(fork) == 2, "create(ifMissing:) emptied \(fork)")
        }
        for fork in Fork.allCases {
            try expect(
                storage, 0, 2, value: UInt32(fork.rawValue) * 10, fork, when: "among other forks")
        }
        expect(
            try registry.open(
                RelationLocator(database: 1, number: 16385),
                managedBy: StorageManagerID(rawValue: 77)
            ).storage.exists(.main) == false, "another relation exists as well")
    }

    func checkExtension() throws {
        let storage = try makeRelation(blocks: 0)
        let page = PageMemory(1)
        for block in 0..<5 as Range<UInt32> {
            page.fill(0, block)
            try storage.extend(.main, at: BlockNumber(block), with: page[0], sync: .register)
            expect(try storage.blockCount(.main) == block + 1, "extend did not add one block")
        }
        page.fill(0, 9)
        try storage.extend(.main, at: 9, with: page[0], sync: .register)
        expect(try storage.blockCount(.main) == 10, "extend beyond the end left no gap")
        try expect(storage, 0, 5, value: 0, when: "after extending")
        try expectZero(storage, 5..<9, when: "in a gap")
        try expect(storage, 9, 1, value: 9, when: "behind a gap")
        for count in [1, 7, 64, 33] {
            let end = try storage.blockCount(.main)
            try storage.zeroExtend(.main, from: BlockNumber(end), count: count, sync: .register)
            expect(
                try storage.blockCount(.main) == end + UInt32(count),
                "zeroExtend did not add \(count) blocks")
            try expectZero(storage, end..<end + UInt32(count), when: "after zeroExtend")
        }
        try write(storage, 40, 3, value: 40)
        try expect(storage, 40, 3, value: 40, when: "after writing what was zeroes")
        try expect(storage, 9, 1, value: 9, when: "after extending further")
    }

    func checkTruncation() throws {
        let storage = try makeRelation(blocks: 70)
        try storage.truncate(.main, to: 80, session: session)
        expect(try storage.blockCount(.main) == 70, "truncating to more than there is changed it")
        for count in [69, 67, 40, 33, 32, 16, 5, 1] as [UInt32] {
            try storage.truncate(.main, to: count, session: session)
            expect(try storage.blockCount(.main) == count, "truncate did not leave \(count)")
            try expect(storage, 0, Int(count), value: 0, when: "after truncating to \(count)")
            try storage.zeroExtend(
                .main, from: BlockNumber(count), count: 3, sync: .register)
            try expectZero(
                storage, count..<count + 3, when: "where blocks were cut off and added again")
            try storage.truncate(.main, to: count, session: session)
        }
        try storage.truncate(.main, to: 0, session: session)
        expect(try storage.blockCount(.main) == 0, "truncate did not empty it")
        try storage.zeroExtend(.main, from: 0, count: 2, sync: .register)
        try expectZero(storage, 0..<2, when: "after emptying")
    }

    func checkRemoval() throws {
        let storage = try makeRelation(blocks: 20)
        try storage.create(.visibilityMap, ifMissing: false)
        let other = try makeRelation(blocks: 4, 16390)
        let relation = try registry.open(
            RelationLocator(database: 1, number: 16384), managedBy: StorageManagerID(rawValue: 77))
        try registry.unlink(relation, session: session)
        try manager.syncPending(session)
        let again = try open()
        for fork in Fork.allCases {
            expect(try !again.exists(fork), "\(fork) exists after it was removed")
        }
        try manager.unlink(RelationLocator(database: 1, number: 16399), fork: .main)
        try again.create(.main, ifMissing: false)
        expect(try again.blockCount(.main) == 0, "what was removed came back")
        try expect(other, 0, 4, value: 0, when: "after another relation was removed")
    }

    func checkReopening() throws {
        let storage = try makeRelation(blocks: 37)
        for round in 0..<3 as Range<UInt32> {
            storage.close(.main, session: session)
            try expect(storage, 0, 37, value: round, when: "after close")
            try write(storage, 0, 37, value: round + 1)
        }
        if manager.capabilities.isVolatile { return }
        try manager.syncPending(session)
        try restart()
        let again = try open()
        expect(try again.exists(.main), "a relation did not outlive its manager")
        expect(try again.blockCount(.main) == 37, "its length did not outlive its manager")
        try expect(again, 0, 37, value: 3, when: "under the next manager")
        try write(again, 10, 5, value: 100)
        try again.truncate(.main, to: 30, session: session)
        try manager.syncPending(session)
        try restart()
        let third = try open()
        expect(try third.blockCount(.main) == 30, "truncation did not outlive its manager")
        try expect(third, 0, 10, value: 3, when: "under the third manager")
        try expect(third, 10, 5, value: 100, when: "under the third manager")
        try expect(third, 15, 15, value: 18, when: "under the third manager")
    }

    func checkSyncing() throws {
        let storage = try makeRelation(blocks: 4)
        try storage.registerSync(.main)
        try manager.syncPending(session)
        try storage.immediateSync(.main)
        try manager.syncPending(session)
        let pages = PageMemory(4)
        pages.fillAll(from: 50)
        try runAll(.write, storage, 0, pages, session)
        try manager.syncPending(session)
        try expect(storage, 0, 4, value: 50, when: "after syncing")
    }
}
