internal import AsyncIO
internal import Logging
internal import StorageTesting
internal import Strata

/// What a seed decides before the first step: the store's set-up, and which faults are enabled.
struct SeedPlan {
    /// How bad the disk is.
    enum Temper: Int, CaseIterable {
        /// The disk loses power and nothing else.
        case sound
        /// Calls on the disk fail at times.
        case failing
        /// The disk also damages its contents silently.
        case lying
    }

    let temper: Temper
    let sessionCount: Int
    let stepCount: Int
    let lifeCount: Int
    let names: [String]
    let managers: [String]
    /// The kinds of pages of relations. On a disk that damages pages silently none is raw, since
    /// nothing would notice.
    let pageKinds: [PageKind]
    let tearBytes: Int
    let keepsNameOrder: Bool
    /// How likely another session acts while one waits.
    let interjectionProbability: Double
    var diskFaults = SimulatedDiskFaults()
    private var methodFaults = SimulatedFaults()
    private let methodSeed: UInt64
    private let isSynchronous: Bool
    private var options = EngineOptions()

    init(seed: UInt64, limits: SimulationLimits, planted: PlantedMistake?) {
        var random = SplitMix64(seed: seed, stream: 1)
        let tempers: [Temper] = [.sound, .sound, .failing, .failing, .failing, .lying]
        let temper = tempers[random.below(tempers.count)]
        self.temper = temper
        sessionCount = 1 + random.below(4)
        stepCount = limits.steps / 4 + random.below(limits.steps)
        lifeCount = 1 + random.below(limits.lives)
        names = Array(["a", "b", "c", "d"].prefix(1 + random.below(4)))
        let managers = ["magnetic", "compressed", "memory"].filter { _ in random.below(2) == 0 }
        self.managers = managers.isEmpty ? ["magnetic"] : managers
        let kinds: [PageKind] = temper == .lying ? [.postgres, .sealed] : PageKind.allCases
        pageKinds = random.below(3) > 0 ? [.postgres] : kinds
        tearBytes = random.below(2) == 0 ? 512 : 4096
        keepsNameOrder = random.below(2) == 0
        interjectionProbability = random.below(2) == 0 ? 0 : 0.3
        isSynchronous = random.below(8) == 0
        methodSeed = random.next()
        drawDisk(&random, temper)
        drawMethod(&random)
        drawOptions(&random)
        options.filesSyncedTogether = seed % 3 == 0 ? 1 + Int(seed / 3 % 4) : nil
        options.skipsFirstSync = planted == .skippedSync
        options.publishesEarly = planted == .earlyPublication
        options.keepsRowCounts = planted == .keptRowCount
        options.skipsSeals = planted == .skippedSeal
        options.keepsClosedMark = planted == .keptMark
        options.journalFault = planted == .skippedJournal ? .skipsJournal : nil
    }

    private mutating func drawDisk(_ random: inout SplitMix64, _ temper: Temper) {
        func chance(_ scale: Double) -> Double {
            random.below(2) == 0 ? 0 : scale * [0.1, 0.3, 1][random.below(3)]
        }
        if temper == .sound { return }
        diskFaults.errorProbability = chance(0.02)
        diskFaults.fullProbability = chance(0.03)
        diskFaults.descriptorProbability = chance(0.02)
        diskFaults.interruptionProbability = chance(0.1)
        diskFaults.shortTransferProbability = chance(0.05)
        diskFaults.syncErrorProbability = chance(0.03)
        if temper == .failing { return }
        diskFaults.lostWriteProbability = chance(0.02)
        diskFaults.misdirectionProbability = chance(0.02)
        diskFaults.rotProbability = chance(0.03)
    }

    private mutating func drawMethod(_ random: inout SplitMix64) {
        methodFaults.completion = .waiters
        methodFaults.delayProbability = random.below(2) == 0 ? 0 : 0.3
        methodFaults.maximumDelayTurns = 1 + random.below(16)
        methodFaults.interruptionProbability = random.below(4) == 0 ? 0.1 : 0
        methodFaults.reopenProbability = random.below(3) == 0 ? 0.3 : 0
    }

    private mutating func drawOptions(_ random: inout SplitMix64) {
        options.poolBytes = (16 + random.below(32)) * blockSize
        options.maximumSessions = sessionCount
        options.combineLimit = [1, 2, 4, 8, 16][random.below(5)]
        options.concurrency = .fixed(1 + random.below(6))
        options.maximumOpenFiles = [1, 2, 4, 64][random.below(4)]
        options.zeroExtension = random.below(2) == 0 ? .fallocate : .writeZeroes
        options.journalBytes = [64, 256, 16384][random.below(3)] * 1024
        options.createdSegmentBlocks = [3, 8, 64][random.below(3)]
        options.compressedDisk.properties.chunkBytes = [16, 32, 64][random.below(3)] * 1024
        options.compressedDisk.compactsByItself = false
        options.memoryDisk.maximumBytes = [64, 1024][random.below(2)] * blockSize
        options.backgroundWriter = nil
        options.logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
    }

    /// The disk at the start.
    func makeDisk(seed: UInt64) -> SimulatedDisk {
        let disk = SimulatedDisk(
            seed: SplitMix64.first(of: seed, stream: 2), faults: diskFaults)
        disk.tearBytes = tearBytes
        disk.keepsNameOrder = keepsNameOrder
        return disk
    }

    /// The options with which a store on that disk is opened.
    ///
    /// - Parameter interject: called while a session waits for IO.
    func engineOptions(
        _ disk: SimulatedDisk, life: Int, exists: Bool,
        interject: @escaping @Sendable () -> Void
    ) -> EngineOptions {
        var options = options
        options.fileSystem = disk
        options.ioExecutor = disk
        options.creation = exists ? .never : .ifMissing
        if isSynchronous {
            options.ioMethod = .synchronous
        } else {
            var faults = methodFaults
            if interjectionProbability > 0 { faults.whileWaiting = interject }
            options.ioMethod = SimulatedMethod.choice(
                seed: methodSeed &+ UInt64(life), faults: faults)
        }
        return options
    }
}

extension SplitMix64 {
    /// The first number of one of a seed's streams.
    static func first(of seed: UInt64, stream: UInt64) -> UInt64 {
        var random = SplitMix64(seed: seed, stream: stream)
        return random.next()
    }
}
