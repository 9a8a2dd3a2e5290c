internal import AsyncIO
internal import Logging
internal import StorageManager
internal import Synchronization
internal import Threads

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
                if index % Self.pagesPerChunk == 0,
                    position &+ UInt64(offset) < UInt64(count)
                {
                    populator.reach(index / Self.pagesPerChunk)
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
        let ring = strategy?.isPassing ?? false
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
