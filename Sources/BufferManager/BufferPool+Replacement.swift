internal import AsyncIO
internal import Logging
internal import StorageManager
internal import Synchronization

/// Finding a buffer for a page: from the strategy's ring first, else by the clock hand. The hand
/// takes one use off every unpinned buffer it passes and stops at one that has none left. Mirrors
/// PostgreSQL's `GetVictimBuffer` and `StrategyGetBuffer`.
extension BufferPool {
    /// Claims a buffer and removes its page, after writing it if it is dirty.
    ///
    /// - Returns: the buffer, claimed, pinned once and untagged.
    /// - Throws: `resourcesExhausted` if all buffers are pinned, or what writing threw.
    func claimVictim(_ strategy: AccessStrategy?, _ session: Session) throws(StorageError) -> Int {
        var place: UInt32 = 0
        _ = unsafe try claimVictims(1, into: &place, strategy, session)
        return Int(place)
    }

    /// Claims buffers and removes their pages. Claims a run where the clock's next buffers are
    /// free: one IO can then fill neighbouring memory.
    ///
    /// - Returns: how many, at least one; fewer than wanted if the rest is in use.
    /// - Throws: if there is not one: `resourcesExhausted` if all buffers are pinned, or what
    ///   writing threw if all others are dirty.
    func claimVictims(
        _ wanted: Int, into places: UnsafeMutablePointer<UInt32>, _ strategy: AccessStrategy?,
        _ session: Session
    ) throws(StorageError) -> Int {
        let ring = isLocal || strategy?.kind == .normal ? nil : strategy
        var refusals = 0
        // Once a page could not be written, only clean ones are taken.
        var failure: StorageError?
        while true {
            let spared = failure == nil ? sparedState : BufferState.dirty
            let found = unsafe claim(wanted, into: places, ring, sparing: spared, session)
            if found == 0 {
                if let failure { throw failure }
                // Pages under write are free again as soon as the write is over.
                if try waitForWrite(session) { continue }
                if !isLocal { try gate.check() }
                throw Self.exhausted(count)
            }
            failure = unsafe writeDirty(places, found, session) ?? failure
            var cleared = 0
            for position in 0..<found {
                let index = unsafe Int(places[position])
                guard clear(index, session) else {
                    unclaim(index)
                    continue
                }
                unsafe places[cleared] = UInt32(index)
                cleared += 1
            }
            if cleared > 0 { return cleared }
            if failure != nil && spared == 0 { continue }
            // The pages became wanted after all. Their users pin them, so this ends.
            refusals += found
            if refusals > 8 * count { throw Self.exhausted(count) }
        }
    }

    /// Writes the dirty pages of claimed buffers.
    ///
    /// - Returns: the first error; the pages concerned stay dirty.
    func writeDirty(
        _ places: UnsafeMutablePointer<UInt32>, _ found: Int, _ session: Session
    ) -> StorageError? {
        let victims = unsafe Span(_unsafeStart: places, count: found)
        let isDirty = victims.indices.contains {
            buffer(Int(victims[$0])).state.has(BufferState.dirty)
        }
        if !isDirty { return nil }
        do throws(StorageError) {
            try writeOut(victims, session)
            return nil
        } catch {
            return error
        }
    }

    /// Removes a claimed buffer's page if it is clean and nothing wants it.
    func clear(_ index: Int, _ session: Session) -> Bool {
        if !buffer(index).state.has(BufferState.tagValid) { return true }
        guard uninstall(index) else { return false }
        unsafe BufferCounters.count(tally(session).pointee.evictions)
        return true
    }

    /// Claims buffers: from the ring if its next one is free, else by the clock.
    func claim(
        _ wanted: Int, into places: UnsafeMutablePointer<UInt32>, _ ring: AccessStrategy?,
        sparing spared: UInt64, _ session: Session
    ) -> Int {
        guard let ring, !ring.ring.isEmpty else {
            return unsafe sweep(wanted, into: places, sparing: spared)
        }
        var found = 0
        while found < wanted {
            if let index = claimFromRing(ring, sparing: spared) {
                unsafe places[found] = UInt32(index)
                if buffer(index).state.has(BufferState.tagValid) {
                    unsafe BufferCounters.count(tally(session).pointee.ringReuses)
                }
            } else {
                guard unsafe sweep(1, into: places + found, sparing: spared) == 1 else { break }
                unsafe ring.ring[ring.position] = places[found] + 1
            }
            found += 1
        }
        return found
    }

    /// Claims the ring's next buffer, unless others use it.
    private func claimFromRing(_ ring: AccessStrategy, sparing spared: UInt64) -> Int? {
        guard !ring.ring.isEmpty else { return nil }
        ring.position = ring.position + 1 < ring.ring.count ? ring.position + 1 : 0
        let link = ring.ring[ring.position]
        guard link != 0, Int(link) <= count else { return nil }
        let index = Int(link) - 1
        var old = buffer(index).state
        while old.pins == 0, old.usage <= 1, !old.isLocked, !old.has(spared) {
            let new = BufferState(old.bits | BufferState.claimed | BufferState.onePin)
            if buffer(index).exchange(&old, new) { return index }
        }
        return nil
    }

    /// Moves the clock hand over buffers and claims those without pins and uses.
    ///
    /// - Returns: how many; fewer than wanted if all others are pinned.
    private func sweep(
        _ wanted: Int, into places: UnsafeMutablePointer<UInt32>, sparing spared: UInt64
    ) -> Int {
        var found = 0
        var pinnedInARow = 0
        while found < wanted, pinnedInARow < count {
            let step = wanted - found
            let position = hand.wrappingAdd(UInt64(step), ordering: .relaxed).oldValue
            var index = Int(position % UInt64(count))
            for offset in 0..<step {
                if index % PoolPopulator.pagesPerChunk == 0,
                    position &+ UInt64(offset) < UInt64(count)
                {
                    populator.reach(index / PoolPopulator.pagesPerChunk)
                }
                switch pass(index, sparing: spared) {
                case .claimed:
                    unsafe places[found] = UInt32(index)
                    found += 1
                    pinnedInARow = 0
                case .used: pinnedInARow = 0
                case .pinned: pinnedInARow += 1
                }
                index = index + 1 == count ? 0 : index + 1
            }
        }
        allocations.wrappingAdd(UInt64(found), ordering: .relaxed)
        if cleanerSleeps.load(ordering: .relaxed) { wakeCleaner() }
        return found
    }

    /// The state bits that exclude a buffer as a victim: dirty, once writing was stopped.
    var sparedState: UInt64 { gate.isClosed && !isLocal ? BufferState.dirty : 0 }

    /// Waits for the end of one write that keeps its page from making room, whoever issued it.
    ///
    /// - Returns: whether there was one.
    private func waitForWrite(_ session: Session) throws(StorageError) -> Bool {
        for index in 0..<count {
            let state = buffer(index).state
            // Besides the write's pin there may be that of a claim.
            let pins: UInt64 = state.has(BufferState.claimed) ? 2 : 1
            if state.has(BufferState.ioInProgress), state.has(BufferState.valid),
                state.pins <= pins
            {
                try buffer(index).waitForIO(session)
                return true
            }
        }
        return false
    }

    /// What the clock hand found at a buffer.
    private enum Passed { case claimed, used, pinned }

    /// Claims a buffer without pins and uses, unless it is to be spared; takes one use off a buffer
    /// that has uses and no pins.
    @inline(__always)
    private func pass(_ index: Int, sparing spared: UInt64) -> Passed {
        var old = buffer(index).state
        while old.pins == 0, !old.has(spared) {
            if old.usage > 0 {
                if buffer(index).exchange(&old, BufferState(old.bits &- BufferState.oneUse)) {
                    return .used
                }
            } else {
                let new = BufferState(old.bits | BufferState.claimed | BufferState.onePin)
                if buffer(index).exchange(&old, new) { return .claimed }
            }
        }
        return .pinned
    }

    /// Claims this very buffer, whatever its usage, if it is unpinned and has the tag.
    func claim(_ index: Int, tagged tag: PageTag) -> Bool {
        let buffer = buffer(index)
        var old = buffer.state
        while old.pins == 0, old.has(BufferState.tagValid), buffer.hasTag(tag) {
            let new = BufferState(old.bits | BufferState.claimed | BufferState.onePin)
            if buffer.exchange(&old, new) {
                if buffer.hasTag(tag) { return true }
                unclaim(index)
                return false
            }
        }
        return false
    }

    /// Ends a claim. The buffer keeps its page.
    func unclaim(_ index: Int) {
        buffer(index).update { ($0.bits & ~BufferState.claimed) &- BufferState.onePin }
    }

    /// Ends the caller's filling of a page without success, forgets the page if nothing else has it
    /// pinned, and drops the caller's pin.
    func abandon(_ index: Int) {
        let buffer = buffer(index)
        buffer.endInput(valid: false, droppingPin: false)
        var old = buffer.state
        while old.pins == 1, !old.has(BufferState.ioInProgress) {
            if buffer.exchange(&old, BufferState(old.bits | BufferState.claimed)) {
                if uninstall(index) { release(untagged: index) } else { unclaim(index) }
                return
            }
        }
        buffer.unpin()
    }

    /// Forgets all unpinned pages, so that their relations can be released.
    func clear() {
        var lost = 0
        for place in places({ _, _ in true }) where claim(place.index, tagged: place.tag) {
            if buffer(place.index).state.has(BufferState.dirty), !isLocal { lost += 1 }
            if uninstall(place.index, discarding: true) {
                release(untagged: place.index)
            } else {
                unclaim(place.index)
            }
        }
        if lost > 0 {
            logger.warning("\(lost) changed pages were not written out before their pool ended")
        }
    }

    /// Gives back a claimed buffer without a page.
    func release(untagged index: Int) { buffer(index).publish(0) }

    /// Pins the page's buffer; assigns one if it has none.
    ///
    /// - Returns: the buffer and its state. Without `valid`, its page is still to be read; a read
    ///   may be in progress already.
    func pinOrInstall(
        _ tag: PageTag, _ record: RelationRecord, _ strategy: AccessStrategy?, _ session: Session
    ) throws(StorageError) -> (index: Int, state: BufferState, isNew: Bool) {
        let ring = strategy.map { $0.kind != .normal } ?? false
        var lookup = pinResident(tag, ring: ring)
        if case .absent = lookup { lookup = pinResidentLocked(tag, ring: ring) }
        var isNew = false
        if case .absent = lookup {
            let victim = try claimVictim(strategy, session)
            (lookup, isNew) = install(victim, tag, record, ring: ring)
        }
        switch lookup {
        case .pinned(let index, let state): return (index, state, isNew)
        case .overflow, .absent: throw Self.tooManyPins(tag)
        }
    }
}
