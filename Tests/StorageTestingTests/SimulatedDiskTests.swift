import FileAccess
import StorageTesting
import Testing
import Threads

/// What a simulated disk keeps, what it loses and how it fails.
@Suite struct SimulatedDiskTests {
    private static func open(_ disk: SimulatedDisk, _ path: String) -> CInt {
        disk.open(path, in: 0, .create)
    }

    private static func write(
        _ disk: SimulatedDisk, _ file: CInt, _ byte: UInt8, _ count: Int = 8192, at offset: Int = 0
    ) -> Int {
        var bytes = [UInt8](repeating: byte, count: count)
        return unsafe bytes.withUnsafeMutableBytes { memory in
            let vector = unsafe iovec(iov_base: memory.baseAddress, iov_len: count)
            return unsafe withUnsafePointer(to: vector) {
                unsafe disk.write(
                    file, UnsafeBufferPointer(start: $0, count: 1), at: Int64(offset))
            }
        }
    }

    /// A durable file of ones.
    private static func prepared(
        _ disk: SimulatedDisk = SimulatedDisk(), blocks: Int = 1
    ) -> (SimulatedDisk, CInt) {
        let file = open(disk, "file")
        #expect(write(disk, file, 1, blocks * 8192) == blocks * 8192)
        #expect(disk.sync(file, dataOnly: false) == 0)
        let directory = disk.openRoot("/")
        #expect(disk.sync(directory, dataOnly: false) == 0)
        return (disk, file)
    }

    @Test(arguments: [512, 4096]) func whatIsNotSyncedIsKeptLostOrTorn(_ tear: Int) {
        var found: Set<[UInt8]> = []
        for seed in 0..<60 {
            let (disk, file) = Self.prepared()
            disk.tearBytes = tear
            #expect(Self.write(disk, file, 2) == 8192)
            let bytes = disk.crash(seed: UInt64(seed)).contents(of: "file") ?? []
            let units = stride(from: 0, to: 8192, by: tear).map { Set(bytes[$0..<$0 + tear]) }
            #expect(units.allSatisfy { $0.count == 1 })
            found.insert(units.compactMap(\.first))
        }
        #expect(found.contains(Array(repeating: 1, count: 8192 / tear)))
        #expect(found.contains(Array(repeating: 2, count: 8192 / tear)))
        #expect(found.count > 2)
    }

    @Test func aSyncOfAllKeepsFilesAndNames() {
        for seed: UInt64 in 0..<20 {
            let disk = SimulatedDisk()
            for name in ["a", "b"] { #expect(Self.write(disk, Self.open(disk, name), 7) == 8192) }
            #expect(disk.syncAll(disk.openRoot("/")) == 0)
            let left = disk.crash(seed: seed)
            #expect(left.paths == ["a", "b"])
            #expect(left.contents(of: "b") == [UInt8](repeating: 7, count: 8192))
        }
    }

    /// As on Linux: a file says of itself what a sync of all has lost, once, also to the next
    /// process.
    @Test func aFailedSyncOfAllIsToldOfByTheFiles() {
        var told = 0
        for seed: UInt64 in 0..<20 {
            let disk = SimulatedDisk(seed: seed, faults: SimulatedDiskFaults())
            let files = ["a", "b"].map { Self.open(disk, $0) }
            for file in files { #expect(Self.write(disk, file, 7) == 8192) }
            disk.fail(call: 1, of: [.sync], with: EIO)
            #expect(disk.syncAll(disk.openRoot("/")) == -EIO)
            let next = disk.kill()
            for name in ["a", "b"] {
                let file = Self.open(next, name)
                if next.writeError(file) == -EIO { told += 1 }
                #expect(next.writeError(file) == 0 && next.sync(file, dataOnly: false) == 0)
            }
        }
        #expect(told > 0 && told < 40)
    }

    @Test func theLaterOfTwoWritesMayBeTheOneThatIsLost() {
        let found = (0..<60).map { seed -> UInt8? in
            let (disk, file) = Self.prepared()
            _ = Self.write(disk, file, 2)
            _ = Self.write(disk, file, 3)
            return disk.crash(seed: UInt64(seed)).contents(of: "file")?.first
        }
        #expect(Set(found) == [1, 2, 3])
    }

    @Test func namesThatAreNotSyncedMayGoInAnyOrder() {
        var found: Set<[String]> = []
        for seed in 0..<100 {
            let disk = SimulatedDisk()
            disk.keepsNameOrder = seed % 2 == 0
            #expect(disk.makeDirectory("d", in: 0) == 0)
            for path in ["d/a", "d/b", "c"] { #expect(Self.open(disk, path) > 0) }
            found.insert(disk.crash(seed: UInt64(seed)).paths)
        }
        #expect(found.contains([]) && found.contains(["c", "d/a", "d/b"]))
        #expect(found.contains(["d/a"]) && found.contains(["d/b"]) && found.contains(["c"]))
    }

    @Test func aProcessThatDiesLosesNothingAndMakesNothingDurable() {
        let (disk, file) = Self.prepared()
        #expect(Self.write(disk, file, 2) == 8192)
        let next = disk.kill()
        #expect(next.contents(of: "file")?.first == 2)
        #expect(Self.write(disk, file, 3) == -Int(EIO) && next.contents(of: "file")?.first == 2)
        let found = (0..<20).map { next.kill().crash(seed: UInt64($0)).contents(of: "file")![0] }
        #expect(Set(found).isSubset(of: [1, 2]))
    }

    /// As on Linux: reported once, and from then on the pages count as clean.
    @Test func aFailedSyncIsToldOnceAndLosesWhatItShouldHaveWritten() {
        let (disk, file) = Self.prepared(blocks: 16)
        #expect(Self.write(disk, file, 2, 16 * 8192) == 16 * 8192)
        disk.fail(call: 1, of: [.sync], with: EIO)
        #expect(disk.sync(file, dataOnly: false) == -EIO)
        #expect(disk.sync(file, dataOnly: false) == 0)
        #expect(disk.contents(of: "file")?.allSatisfy { $0 == 2 } == true)
        var lost = 0
        for seed in 0..<20 {
            let one = SimulatedDisk(seed: UInt64(seed), faults: SimulatedDiskFaults())
            let (disk, file) = Self.prepared(one)
            _ = Self.write(disk, file, 2)
            disk.fail(call: 1, of: [.sync], with: EIO)
            #expect(disk.sync(file, dataOnly: false) == -EIO)
            disk.revertAbandoned()
            if disk.contents(of: "file") != [UInt8](repeating: 2, count: 8192) { lost += 1 }
        }
        #expect(lost > 5 && lost < 20)
    }

    @Test func failuresAreMetByTheCallTheyWerePlannedFor() {
        let (disk, file) = Self.prepared()
        disk.fail(call: 2, of: [.write], with: ENOSPC)
        #expect(Self.write(disk, file, 2) == 8192 && disk.hasPlannedFailure)
        #expect(Self.write(disk, file, 3) == -Int(ENOSPC) && !disk.hasPlannedFailure)
        #expect(disk.contents(of: "file")?.first == 2)
        #expect(Self.write(disk, file, 4) == 8192)
    }

    @Test func silentFaultsAreCounted() {
        var faults = SimulatedDiskFaults()
        faults.lostWriteProbability = 0.3
        faults.misdirectionProbability = 0.3
        faults.rotProbability = 0.3
        let disk = SimulatedDisk(seed: 1, faults: faults)
        disk.isFaulty = false
        let (_, file) = Self.prepared(disk, blocks: 4)
        disk.isFaulty = true
        var wrong = 0
        for round in 0..<40 {
            #expect(Self.write(disk, file, UInt8(round + 2), at: round % 4 * 8192) == 8192)
            let bytes = disk.contents(of: "file") ?? []
            let block = bytes[round % 4 * 8192..<(round % 4 + 1) * 8192]
            if !block.allSatisfy({ $0 == UInt8(round + 2) }) { wrong += 1 }
        }
        #expect(disk.counts[.lostWrite] > 0 && disk.counts[.misdirectedWrite] > 0)
        #expect(disk.counts[.bitRot] > 0 && wrong > 5)
        #expect(disk.counts.told == 0)
    }

    @Test func equalCallsHaveEqualDigests() {
        func run(_ seed: UInt64) -> UInt64 {
            var faults = SimulatedDiskFaults()
            faults.errorProbability = 0.2
            faults.shortTransferProbability = 0.2
            let disk = SimulatedDisk(seed: seed, faults: faults)
            let file = Self.open(disk, "file")
            for round in 0..<20 { _ = Self.write(disk, file, UInt8(round)) }
            return disk.digest
        }
        #expect(run(1) == run(1))
        #expect(run(1) != run(2))
    }
}
