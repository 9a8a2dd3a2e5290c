internal import AsyncIO
internal import Logging
internal import StorageManager
internal import Synchronization

/// Finding a buffer for a page: the strategy's ring first, else the clock hand, which takes one use
/// off every unpinned buffer it passes and stops at one that has none left. Mirrors PostgreSQL's
/// `GetVictimBuffer` and `StrategyGetBuffer`.
extension BufferPool {
    /// Claims a buffer and takes its page, written out if it was dirty, off it.
    ///
    /// - Returns: the buffer, claimed, pinned once and untagged.
    /// - Throws: `resourcesExhausted` when all buffers are pinned, or what writing threw.
    func claimVictim(_ strategy: AccessStrategy?, _ session: Session) throws(StorageError) -> Int {
        var refusals = 0
        while true {
            let ring = isLocal || strategy?.kind == .normal ? nil : strategy
            let (index, reused) = try claim(ring)
            let state = buffer(index).state
            if state.has(BufferState.dirty) {
                do throws(StorageError) {
                    try writeOut(index, session, hurry: true)
                } catch {
                    unclaim(index)
                    throw error
                }
            }
            if !state.has(BufferState.tagValid) {
                return index
            }
            if uninstall(index) {
                unsafe BufferCounters.count(tally(session).pointee.evictions)
                if reused { unsafe BufferCounters.count(tally(session).pointee.ringReuses) }
                return index
            }
            // Somebody wants the page after all. Such a one pins it, so this ends.
            unclaim(index)
            refusals += 1
            if refusals > 8 * count { throw Self.exhausted(count) }
        }
    }

    private func claim(_ ring: AccessStrategy?) throws(StorageError) -> (Int, reused: Bool) {
        if let ring, let index = claimFromRing(ring) { return (index, true) }
        guard let index = sweep() else { throw Self.exhausted(count) }
        if let ring, !ring.ring.isEmpty { ring.ring[ring.position] = UInt32(index + 1) }
        return (index, false)
    }

    /// The ring's next buffer, unless it is in use by others.
    private func claimFromRing(_ ring: AccessStrategy) -> Int? {
        guard !ring.ring.isEmpty else { return nil }
        ring.position = ring.position + 1 < ring.ring.count ? ring.position + 1 : 0
        let link = ring.ring[ring.position]
        guard link != 0, Int(link) <= count else { return nil }
        let index = Int(link) - 1
        var old = buffer(index).state
        while old.pins == 0, old.usage <= 1, !old.isLocked {
            let new = BufferState(old.bits | BufferState.claimed | BufferState.onePin)
            if buffer(index).exchange(&old, new) { return index }
        }
        return nil
    }

    /// Moves the clock hand to a buffer without pins and uses, and claims it; nil when all are
    /// pinned.
    private func sweep() -> Int? {
        var pinnedInARow = 0
        while pinnedInARow < count {
            let position = hand.wrappingAdd(1, ordering: .relaxed).oldValue
            let index = Int(position % UInt64(count))
            if position < UInt64(count), index % Self.chunk == 0 { populate(from: index) }
            var old = buffer(index).state
            while true {
                if old.pins != 0 {
                    pinnedInARow += 1
                    break
                }
                pinnedInARow = 0
                if old.usage > 0 {
                    if buffer(index).exchange(&old, BufferState(old.bits &- BufferState.oneUse)) {
                        break
                    }
                } else {
                    let new = BufferState(old.bits | BufferState.claimed | BufferState.onePin)
                    if buffer(index).exchange(&old, new) { return index }
                }
            }
        }
        return nil
    }

    /// How many pages are populated at a time.
    private static let chunk = PoolMemory.hugePage / blockSize

    /// Has memory made for a chunk of pages, before the hand goes there for the first time.
    private func populate(from index: Int) {
        let pages = min(Self.chunk, count - index)
        unsafe PoolMemory.populate(address(index).pointer, byteCount: pages * blockSize)
    }

    /// Claims that very buffer, whatever its usage, if nobody has it pinned and it has that tag.
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

    /// Lets a claimed buffer keep its page.
    func unclaim(_ index: Int) {
        buffer(index).update { ($0.bits & ~BufferState.claimed) &- BufferState.onePin }
    }

    /// Ends the caller's filling of a page without success and forgets the page, if nobody else has
    /// it pinned; gives back the caller's pin.
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

    /// Forgets all pages that nobody has pinned, so that their relations can go.
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

    /// Pins the page's buffer, making it one if it has none.
    ///
    /// - Returns: the buffer and its state. Without `valid` its page is still to be read; it may be
    ///   under way already.
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
