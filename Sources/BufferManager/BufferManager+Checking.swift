internal import StorageManager
internal import Synchronization

extension BufferManager {
    /// Checks the pool's invariants while nothing uses it; traps if one is violated.
    ///
    /// For tests: looks at every descriptor and walks every chain. O(pool).
    ///
    /// - Parameter idle: also checks that nothing is pinned, locked or under IO.
    public func checkInvariants(idle: Bool = true) {
        for pool in pools { pool.checkInvariants(idle: idle) }
        precondition(
            !idle || table.changes.isPending || !hasDirtyPages,
            "a checkpoint looks for pages that are dirty")
    }
}

extension PinnedPage {
    /// Whether a thread or task sleeps until the content lock is free. For tests.
    package var hasLockWaiters: Bool { buffer.state.has(BufferState.lockWaiters) }
}

extension BufferPool {
    func checkInvariants(idle: Bool) {
        var tagged = 0
        for index in 0..<count {
            let state = buffer(index).state
            check(state, idle: idle)
            if state.has(BufferState.tagValid) {
                tagged += 1
                precondition(index < reachedCount, "the clock hand has reached a buffer in use")
                buffer(index).withRecord { record in
                    let tag = buffer(index).tag
                    precondition(
                        PageTag.relationWord(record.locator) == tag.relation,
                        "a buffer's record is its page's relation's")
                    precondition(
                        !record.isUnused && Int(tag.block.rawValue) < record.end(of: tag.fork),
                        "a record knows what buffers it was given")
                }
            } else {
                precondition(
                    unsafe buffer(index).descriptor.pointee.record.load(ordering: .relaxed) == 0,
                    "an untagged buffer keeps no relation alive")
            }
        }
        precondition(walkAllChains() == tagged, "each tagged buffer stands in one chain")
    }

    private func check(_ state: BufferState, idle: Bool) {
        precondition(state.bits & BufferState.usageMask <= BufferState.maximumUsage)
        if state.has(BufferState.valid | BufferState.dirty) {
            precondition(state.has(BufferState.tagValid), "a page in a buffer has a tag")
        }
        if state.has(BufferState.dirty) {
            precondition(state.has(BufferState.valid), "only valid pages are dirty")
        }
        if state.has(BufferState.checkpointNeeded) {
            precondition(state.has(BufferState.dirty), "only dirty pages wait for a checkpoint")
        }
        if state.has(BufferState.exclusive) {
            precondition(state.sharers == 0, "an exclusive lock excludes sharers")
        }
        guard idle else { return }
        precondition(state.pins == 0, "nothing is pinned")
        precondition(!state.isLocked, "nothing is locked")
        precondition(
            !state.has(
                BufferState.ioInProgress | BufferState.claimed | BufferState.ioWaiters
                    | BufferState.lockWaiters),
            "nothing is under way")
    }

    private func walkAllChains() -> Int {
        var found = 0
        for bucket in 0...Int(bucketMask) {
            var link = unsafe buckets[bucket].load(ordering: .acquiring)
            while link != 0 {
                let index = Int(link) - 1
                precondition(
                    buffer(index).state.has(BufferState.tagValid)
                        && self.bucket(buffer(index).tag) == bucket,
                    "a chain's buffers belong to its bucket")
                found += 1
                precondition(found <= count, "chains have no circles")
                link = unsafe buffer(index).descriptor.pointee.next.load(ordering: .acquiring)
            }
        }
        return found
    }
}
