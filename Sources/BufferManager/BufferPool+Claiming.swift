internal import AsyncIO
internal import StorageManager

/// Buffers that an operation has claimed for coming pages. Some may have dirty pages, which must be
/// written first. Belongs to the operation's driver.
@safe
struct Victims {
    /// The claimed buffers, `count` of them. The memory is the owner's, has room for as many as the
    /// owner requests, and outlives this value.
    let places: UnsafeMutablePointer<UInt32>
    fileprivate(set) var count = 0
    /// Why a page could not be written. As long as it is set, only clean buffers are claimed.
    /// An array, since every waiting task has this value: an error is large.
    fileprivate var failure: [StorageError] = []
    /// How often dirty pages were passed over since the last page got its buffer.
    fileprivate var passes = 0
    /// How often a page was refused since then.
    fileprivate var refusals = 0

    init(_ places: UnsafeMutablePointer<UInt32>) { unsafe self.places = unsafe places }

    /// Empties it: another owner has the buffers now.
    mutating func removeAll() {
        count = 0
        passes = 0
        refusals = 0
        failure = []
    }

    /// Keeps the buffers for which `body` returns true.
    fileprivate mutating func filter(_ body: (Int) -> Bool) {
        var kept = 0
        for position in 0..<count {
            let place = unsafe places[position]
            guard body(Int(place)) else { continue }
            unsafe places[kept] = place
            kept += 1
        }
        count = kept
    }
}

/// The outcome of claiming as far as possible without waiting.
enum Claim {
    /// All claimed buffers, at least one, are untagged.
    case ready
    /// Some of the claimed buffers' pages must be written first (`BufferPool.clean`).
    case dirty
    /// There is none: all are in use (`BufferPool.waitForBuffers`).
    case none
}

extension BufferPool {
    /// Claims buffers and removes their pages, without waiting for anything. Claims a run where the
    /// clock's next buffers are free: one IO can then fill neighbouring memory.
    ///
    /// - Parameter wanted: how many; there may be fewer if the rest is in use.
    /// - Throws: if there is none: what writing threw if all others are dirty, or
    ///   `resourcesExhausted` if other threads keep taking the pages back.
    func claim(
        _ victims: inout Victims, _ wanted: Int, _ strategy: AccessStrategy?, _ session: Session
    ) throws(StorageError) -> Claim {
        let ring = isLocal || strategy?.kind == .normal ? nil : strategy
        var refusals = 0
        while true {
            if victims.count == 0 {
                let spared = victims.failure.isEmpty ? sparedState : BufferState.dirty
                victims.count = unsafe claim(
                    wanted, into: victims.places, ring, sparing: spared, session)
            }
            if victims.count == 0 {
                if let failure = victims.failure.popLast() { throw failure }
                return .none
            }
            var position = 0
            victims.filter { index in
                position += 1
                if position <= wanted { return true }
                giveBack(index)
                return false
            }
            let claimed = victims.count
            var isDirty = false
            victims.filter { index in
                if clear(index, session) { return true }
                guard buffer(index).state.has(BufferState.dirty) else {
                    unclaim(index)
                    return false
                }
                isDirty = true
                return true
            }
            if isDirty { return .dirty }
            if victims.count > 0 { return .ready }
            // The pages became wanted after all. Their users pin them, so this ends.
            refusals += claimed
            if refusals > 8 * count { throw Self.exhausted(count) }
        }
    }

    /// Writes out the dirty pages of claimed buffers and removes them. Blocks the thread. An error
    /// is kept for the case that there is no clean buffer either; the page stays dirty.
    func clean(_ victims: inout Victims, _ session: Session) {
        if let failure = unsafe writeDirty(victims.places, victims.count, session) {
            // Other dirty pages can be written. Only if none is left is a refused one the reason.
            let isOne = failure.code == .pageRefused && victims.refusals < count
            if isOne { victims.refusals += 1 } else { victims.failure = [failure] }
        }
        victims.filter { index in
            if clear(index, session) { return true }
            unclaim(index)
            return false
        }
    }

    /// How often claimed buffers with dirty pages are passed over for clean ones behind them.
    private static let passLimit = 16

    /// Gives up the claimed buffers with dirty pages, so that the next step claims others.
    ///
    /// - Returns: false, with nothing given up, if that was done often enough.
    func passOver(_ victims: inout Victims) -> Bool {
        if victims.passes >= Self.passLimit { return false }
        victims.passes += 1
        victims.filter { index in
            guard buffer(index).state.has(BufferState.tagValid) else { return true }
            unclaim(index)
            return false
        }
        return true
    }

    /// Gives back all claimed buffers.
    func giveBack(_ victims: inout Victims) {
        for position in 0..<victims.count { giveBack(unsafe Int(victims.places[position])) }
        victims.removeAll()
    }

    private func giveBack(_ index: Int) {
        if buffer(index).state.has(BufferState.tagValid) {
            unclaim(index)
        } else {
            release(untagged: index)
        }
    }

    /// Claims buffers and removes their pages: the loop over ``claim(_:_:_:_:)`` that waits.
    ///
    /// - Returns: how many, at least one; fewer than wanted if the rest is in use.
    /// - Throws: if there is none: `resourcesExhausted` if all buffers are pinned, or what writing
    ///   threw if all others are dirty.
    func claimVictims(
        _ wanted: Int, into places: UnsafeMutablePointer<UInt32>, _ strategy: AccessStrategy?,
        _ session: Session
    ) throws(StorageError) -> Int {
        var victims = unsafe Victims(places)
        while true {
            switch try claim(&victims, wanted, strategy, session) {
            case .ready: return victims.count
            case .dirty: clean(&victims, session)
            case .none: try waitForBuffers(session)
            }
        }
    }

    /// Waits until a page under write may have made room.
    ///
    /// - Throws: `resourcesExhausted` if all buffers are pinned; `storeFailed` if writing has
    ///   ended.
    func waitForBuffers(_ session: Session) throws(StorageError) {
        // Pages under write are free again as soon as the write is over.
        if try waitForWrite(session) { return }
        if !isLocal { try gate.check() }
        throw Self.exhausted(count)
    }

    /// Waits for the end of one write that prevents its page from making room, whichever session
    /// issued it.
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

    /// Writes the dirty pages of claimed buffers.
    ///
    /// - Returns: the first error; the pages concerned stay dirty.
    private func writeDirty(
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
    private func clear(_ index: Int, _ session: Session) -> Bool {
        if !buffer(index).state.has(BufferState.tagValid) { return true }
        guard uninstall(index) else { return false }
        unsafe BufferCounters.count(tally(session).pointee.evictions)
        return true
    }
}
