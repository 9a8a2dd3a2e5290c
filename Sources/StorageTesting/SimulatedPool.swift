internal import AsyncIO
internal import Threads

/// The IOs that a ``SimulatedMethod`` has not completed yet. Guarded by its monitor.
struct SimulatedPool {
    struct Scheduled {
        let fault: ScheduledFault
        var seen = 0
        init(_ fault: ScheduledFault) { self.fault = fault }
    }

    struct Hold {
        let number: Int
        let condition: @Sendable (StagedIO) -> Bool
    }

    struct Entry: Sendable {
        let io: StagedIO
        var fault: SimulatedFault?
        var hold: Int?
        let reopens: Bool
        var turns = 0
        var interruptions = 0
        let submitter = CurrentThread.number

        init(_ io: StagedIO, fault: SimulatedFault?, hold: Int?, reopens: Bool) {
            self.io = io
            self.hold = hold
            self.reopens = reopens
            set(fault)
        }

        mutating func set(_ fault: SimulatedFault?) {
            self.fault = fault
            switch fault {
            case .delayed(let turns): self.turns = turns
            case .interrupted(let times): interruptions = times
            case .error, .transfersAtMost, nil: break
            }
        }
    }

    var pending: [Entry] = []
    var holds: [Hold] = []
    var schedule: [Scheduled]
    var statistics = SimulatedStatistics()
    var hasThread = false
    var isStopped = false
    private var order: SplitMix64
    private var lastHold = 0

    init(seed: UInt64, schedule: [ScheduledFault]) {
        order = SplitMix64(seed: seed)
        self.schedule = schedule.map(Scheduled.init)
    }

    var hasUnheld: Bool { pending.contains { $0.hold == nil } }

    /// Counts the IO for all planned faults. Returns the one it meets; the first planned if
    /// several.
    mutating func scheduledFault(for io: StagedIO) -> SimulatedFault? {
        var met: SimulatedFault?
        for position in schedule.indices {
            let planned = schedule[position].fault
            guard planned.operation == io.operation, planned.condition(io) else { continue }
            schedule[position].seen += 1
            if schedule[position].seen == planned.occurrence { met = met ?? planned.fault }
        }
        schedule.removeAll { $0.seen >= $0.fault.occurrence }
        return met
    }

    mutating func append(_ entry: Entry) {
        var entry = entry
        // The hold may have been released since the IO was matched.
        if let hold = entry.hold, !holds.contains(where: { $0.number == hold }) { entry.hold = nil }
        pending.append(entry)
    }

    mutating func addHold(_ condition: @escaping @Sendable (StagedIO) -> Bool) -> Int {
        lastHold += 1
        holds.append(Hold(number: lastHold, condition: condition))
        return lastHold
    }

    /// Releases a hold's IOs, each with `fault` if it is not nil.
    mutating func release(_ hold: Int, with fault: SimulatedFault?, ends: Bool) {
        if ends { holds.removeAll { $0.number == hold } }
        for position in pending.indices where pending[position].hold == hold {
            pending[position].hold = nil
            if let fault { pending[position].set(fault) }
        }
    }

    /// One turn of a completer that comes by chance: it takes an IO or gives up.
    mutating func takeByChance() -> Entry? {
        order.chance(0.6) ? take(hurries: false) : nil
    }

    /// Removes an IO that is due from the pool.
    ///
    /// - Parameter hurries: takes a delayed one if no other is due.
    mutating func take(hurries: Bool) -> Entry? {
        while true {
            var ready = 0
            var soonest: Int?
            for position in pending.indices where pending[position].hold == nil {
                if pending[position].turns > 0 { pending[position].turns -= 1 }
                let turns = pending[position].turns
                if turns == 0 { ready += 1 }
                if turns < soonest.map({ pending[$0].turns }) ?? Int.max { soonest = position }
            }
            guard let soonest, ready > 0 || hurries else { return nil }
            let position = ready > 0 ? self.ready(order.below(ready)) : soonest
            if pending[position].interruptions > 0 {
                pending[position].interruptions -= 1
                statistics.interruptions += 1
                continue
            }
            if position > 0 { statistics.outOfOrder += 1 }
            return pending.remove(at: position)
        }
    }

    /// The position of the due IO with `count` due ones before it.
    private func ready(_ count: Int) -> Int {
        var left = count
        for position in pending.indices
        where pending[position].hold == nil && pending[position].turns == 0 {
            if left == 0 { return position }
            left -= 1
        }
        preconditionFailure("an IO that was counted as ready is there")
    }
}

/// The calling thread's identity.
enum CurrentThread {
    static var number: UInt {
        #if canImport(Darwin)
            unsafe UInt(bitPattern: pthread_self())
        #else
            UInt(pthread_self())
        #endif
    }
}
