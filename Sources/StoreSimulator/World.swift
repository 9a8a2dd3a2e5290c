internal import StorageTesting
internal import Strata
internal import Threads

/// One seed's store, disk, sessions and oracle. Belongs to one thread.
///
/// The store has several lives. In each it is opened, used for a number of steps, and ended by a
/// close, by the death of its process, or by a power cut at some call. In each step one session
/// does one thing. What it leaves open (a held page, a scan with reads in flight, a load) stays
/// open during the steps of the others.
final class World {
    let seed: UInt64
    let plan: SeedPlan
    let options: SimulationOptions
    var random: SplitMix64
    /// The random numbers for what happens while a session waits, kept apart so that they disturb
    /// no others.
    private var interjections: SplitMix64
    var disk: SimulatedDisk
    var engine: Engine?
    var actors: [Actor] = []
    var model: StoreModel
    var content = PageContent()
    var valueContent = ValueContent()
    var report = SimulationReport()
    /// Whether the store was opened before and therefore must exist.
    var exists = false
    var life = 0
    /// The disk's faults when the engine was opened.
    var faultsAtOpening = SimulatedDiskCounts()
    /// Whether a call has failed after which the store must be reopened.
    var mustReopen = false
    /// The names of a rename in progress.
    var renaming: (from: String, to: String)?
    /// Whether a file exists that belongs to no relation.
    var hasStray = false
    /// Set once the store's damage was reported, since it cannot be judged any further.
    var isGivenUp = false
    private var isInterjecting = false
    /// Whether other sessions may act during the present step.
    var allowsInterjections = true
    /// The session whose step this is.
    var active: Actor?

    init(seed: UInt64, options: SimulationOptions) {
        self.seed = seed
        self.options = options
        plan = SeedPlan(seed: seed, limits: options.limits, planted: options.planted)
        random = SplitMix64(seed: seed, stream: 3)
        interjections = SplitMix64(seed: seed, stream: 4)
        disk = plan.makeDisk(seed: seed)
        model = StoreModel(names: plan.names)
        disk.trace(options.trace)
        report.seeds = 1
    }

    func note(_ text: @autoclosure () -> String) {
        if let trace = options.trace { trace(text()) }
    }

    // MARK: Lives

    func run() throws(Violation) {
        for _ in 0..<plan.lifeCount {
            try open()
            if isGivenUp { return }
            try live()
            if isGivenUp { return }
        }
        disk.isFaulty = false
        try open()
        if isGivenUp { return }
        try close()
        // Closed objects must not need anything volatile.
        crash()
        try open()
        if isGivenUp { return }
        try close()
    }

    private func live() throws(Violation) {
        for _ in 0..<plan.sessionCount { actors.append(Actor(self, number: actors.count)) }
        let end = random.below(8)
        if end > 1 { disk.cutPower(afterCalls: disk.changeCount + lifetime()) }
        for _ in 0..<plan.stepCount {
            let actor = actors[random.below(actors.count)]
            active = actor
            report.steps += 1
            try actor.step()
            active = nil
            if disk.isWithoutPower || mustReopen || isGivenUp { break }
        }
        if end == 0 && !disk.isWithoutPower && !mustReopen && !isGivenUp {
            try close()
        } else {
            tearDown()
            crash()
        }
    }

    /// For how many changes of the disk a store lives. Every order of magnitude is equally likely.
    private func lifetime() -> Int { 1 + random.below(1 << (1 + random.below(9))) }

    /// Makes the power fail or the process die.
    private func crash() {
        model.forgetVolatile()
        // What a failed sync left in the cache looks like durable data. Only a power cut or the
        // cache's eviction shows the difference.
        let counts = disk.counts
        let hasFailedSync = counts[.failedSync] > faultsAtOpening[.failedSync]
        if random.below(3) == 0 && !hasFailedSync {
            note("the process dies")
            report.kills += 1
            disk = disk.kill()
        } else {
            note("the power fails")
            report.powerCuts += 1
            disk = disk.crash(seed: random.next())
        }
        mustReopen = false
    }

    /// Releases everything without telling the store.
    func tearDown() {
        disk.cutPower(afterCalls: 0)
        for actor in actors { actor.letGo() }
        actors = []
        engine = nil
    }

    private func close() throws(Violation) {
        guard let engine else { return }
        for actor in actors { try actor.finish() }
        actors = []
        let mark = content.nextVersion
        for relation in model.relations { relation.attemptCounts() }
        do throws(StorageError) {
            try engine.close()
            note("closed")
            model.settle(before: mark)
            report.acknowledgements += 1
            self.engine = nil
            model.forgetVolatile()
            disk = disk.kill()
        } catch {
            try judge(error, "closing")
            self.engine = nil
            tearDown()
            crash()
        }
    }

    // MARK: Opening

    /// The last of these attempts meet no fault.
    private static let mostAttempts = 20

    func open() throws(Violation) {
        var attempts = 0
        let wasFaulty = disk.isFaulty
        if engine == nil { leaveStray() }
        while engine == nil {
            disk.isFaulty = wasFaulty && attempts < 3
            if wasFaulty && attempts < 2 && random.below(4) == 0 {
                disk.cutPower(afterCalls: disk.changeCount + random.below(20))
            }
            attempts += 1
            guard attempts < Self.mostAttempts else {
                throw Violation(reason: "the store cannot be opened, nor is it said to be damaged")
            }
            try openOnce()
            if isGivenUp { return }
        }
        disk.cutPower(afterCalls: .max)
        disk.isFaulty = false
        try check()
        disk.isFaulty = wasFaulty
        faultsAtOpening = disk.counts
    }

    private func openOnce() throws(Violation) {
        faultsAtOpening = disk.counts
        let weak = WeakWorld(self)
        let options = plan.engineOptions(disk, life: life, exists: exists) {
            unsafe weak.world.interject()
        }
        life += 1
        var recovery = RecoveryReport()
        var refusing: Engine?
        do throws(StorageError) {
            let engine = try Engine.open("/", options: options)
            recovery = engine.recovery
            note("opened: \(engine.recovery.actions)")
            report.openings += 1
            exists = true
            if disk.isWithoutPower {
                // The crash came after its last word, which is allowed.
                report.crashesInRecovery += 1
                // What it reported was no fault of the disk.
                recovery = RecoveryReport()
                crash()
            } else if isRefusing(recovery) && !mayBeDamaged {
                refusing = engine
            } else {
                self.engine = engine
            }
        } catch {
            try judge(error, "opening")
            if disk.isWithoutPower || mustReopen {
                report.crashesInRecovery += 1
                crash()
            }
        }
        try judge(recovery)
        if let refusing { try letGo(of: refusing) }
    }

    private func isRefusing(_ recovery: RecoveryReport) -> Bool {
        recovery.actions.contains { if case .refused = $0 { true } else { false } }
    }

    /// Closes an engine that an error kept from making a relation whole. The next opening must do
    /// so, and until then nothing of the relation may be lost.
    private func letGo(of engine: Engine) throws(Violation) {
        guard wasTold else {
            throw Violation(reason: "relations were refused without a fault")
        }
        report.crashesInRecovery += 1
        if random.below(2) == 0 { return crash() }
        do throws(StorageError) {
            try engine.close()
            note("closed with relations refused")
            disk = disk.kill()
        } catch {
            try judge(error, "closing with relations refused")
            crash()
        }
    }

    // MARK: Interjections

    /// While a session waits for IO, makes another session change a page that it holds: on a thread
    /// of its own, because the waiting thread may hold locks that the other session does not.
    func interject() {
        guard allowsInterjections, !isInterjecting,
            interjections.chance(plan.interjectionProbability)
        else { return }
        isInterjecting = true
        defer { isInterjecting = false }
        let others = actors.filter { $0 !== active && $0.holdsPage }
        guard !others.isEmpty else { return }
        nonisolated(unsafe) let other = others[interjections.below(others.count)]
        if let thread = OSThread.start({ unsafe other.rewriteHeldPage() }) {
            thread.join()
        } else {
            unsafe other.rewriteHeldPage()
        }
    }

    /// Completes the report.
    func finish() {
        report.faults = disk.counts
        report.digest = disk.digest ^ random.next() ^ UInt64(content.lastVersion) << 32
    }
}

/// What the method's closure keeps of the world. The method may outlive the world.
@safe
struct WeakWorld: @unchecked Sendable {
    unowned(unsafe) let world: World
    init(_ world: World) { unsafe self.world = world }
}
