internal import StorageManager

/// How far to look ahead.
///
/// Two distances serve two purposes. Joining neighbours makes reads cheaper whether or not the user
/// waits for them, so the combine distance doubles with every read that was needed. Reading ahead
/// hides waiting, so the read-ahead distance doubles only when the stream slept. A fast disk, or
/// the kernel's read-ahead, leaves it unchanged, and no page is pinned earlier than necessary.
///
/// Both distances fall by one with each page found in the pool, once as many hits have come in a
/// row as the stream may pin: a few hits among misses mean nothing. After many reads in a row that
/// were complete when wanted, the read-ahead distance falls by a read at a time until one is not. A
/// distance that was needed at first, or on a slower disk, would keep pages out of the processor's
/// caches for nothing.
extension StreamEngine {
    func resetDistances() {
        combineDistance = options.flags.contains(.full) ? combineLimit : 1
        readAheadDistance = combineDistance
        keepBusy()
        decayHoldOff = 0
        quietReads = 0
        noteDistance()
    }

    /// The least number of complete reads in a row before the stream reads less far ahead.
    private static let longQuiet = 64

    /// Adjusts the distances when a read's pages are wanted.
    ///
    /// - Parameters:
    ///   - blocked: whether the stream had to wait for them.
    ///   - blocks: how many blocks the read had.
    ///   - advised: whether the kernel was advised of them. Where reads are executed only when they
    ///     are waited for, looking ahead serves to advise.
    func noteRead(blocked: Bool, blocks: Int, advised: Bool) {
        combineDistance = min(combineDistance * 2, combineLimit)
        if blocked || advised {
            readAheadDistance = min(readAheadDistance * 2, capacity)
            quietReads = 0
        } else {
            quietReads += 1
            if quietReads > max(Self.longQuiet, 2 * maximumReads) {
                readAheadDistance = max(1, readAheadDistance - blocks)
            }
        }
        if blocks == combineLimit { keepBusy() }
        decayHoldOff = capacity
        noteDistance()
    }

    /// Keeps a few reads in flight once reads are as large as they get. Even if the user never
    /// waits for a device, reading and verifying can go on beside the user.
    private func keepBusy() {
        guard busyReads > 0, combineDistance == combineLimit, combineLimit > 1 else { return }
        readAheadDistance = max(readAheadDistance, min(busyReads * combineDistance, capacity))
    }

    /// Called when a block is about to be read. If the storage keeps blocks in groups, the read
    /// covers the group's blocks that the source names next: they come at about the same cost.
    func expectGroup() {
        if groupSize == 0 {
            groupSize = min(relation.storage.blocksPerGroup(options.fork), combineLimit)
        }
        combineDistance = max(combineDistance, groupSize)
    }

    /// Called when a page was in the pool.
    func noteHit() {
        statistics.hits += 1
        if decayHoldOff > 0 {
            decayHoldOff -= 1
            return
        }
        readAheadDistance = max(1, readAheadDistance - 1)
        combineDistance = max(1, combineDistance - 1)
    }

    /// Called when the pool has no buffers for the stream.
    func noteExhaustion() {
        readAheadDistance = max(1, readAheadDistance / 2)
    }

    private func noteDistance() {
        statistics.maximumDistance = max(statistics.maximumDistance, readAheadDistance)
    }

    /// Whether to ask the source for another block.
    @usableFromInline var wantsBlock: Bool {
        if isExhausted || isPaused || heldBlock != .invalid { return false }
        if startFailure != nil || startNeed != nil { return false }
        if readCount == maximumReads { return false }
        // A read at the front of the queue may grow as large as it can.
        if count == 0 && pendingCount > 0 && pendingCount < combineDistance { return true }
        return count + pendingCount < readAheadDistance
    }

    /// Whether to start the pending read now, rather than let it grow once pages were taken.
    var startsPending: Bool {
        guard pendingCount > 0, startFailure == nil, startNeed == nil else { return false }
        return pendingCount >= combineDistance || count == 0 || isExhausted || isPaused
            || heldBlock != .invalid
    }
}
