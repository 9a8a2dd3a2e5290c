internal import StorageManager

/// How far to look ahead.
///
/// Two distances, because two things are to be had. Joining neighbours makes reads cheaper whether
/// or not anybody waits for them, so the combine distance doubles with every read that was needed.
/// Reading ahead hides waiting, so the read-ahead distance doubles only when the stream really
/// slept: a quick disk, or the kernel's own reading ahead, leaves it where it is, and no page is
/// pinned earlier than it must be.
///
/// When pages turn out to be in the pool both fall by one a page, yet not before as many hits have
/// come in a row as the stream may pin: a few hits among misses say nothing. When reads were
/// complete by the time they were wanted, many times in a row, the read-ahead distance falls by a
/// read at a time, until one is not: what was needed at first, or on a slower disk, keeps pages out
/// of the processor's caches for nothing.
extension StreamEngine {
    func resetDistances() {
        combineDistance = options.flags.contains(.full) ? combineLimit : 1
        readAheadDistance = combineDistance
        keepBusy()
        decayHoldOff = 0
        quietReads = 0
        noteDistance()
    }

    /// How many reads in a row have to be complete, at least, before less is read ahead.
    private static let longQuiet = 64

    /// A read's pages were wanted.
    ///
    /// - Parameters:
    ///   - blocked: whether they were not there yet.
    ///   - blocks: how many it had.
    ///   - advised: whether the kernel had been told of them. Where reads are executed only when
    ///     they are waited for, that is what looking ahead is for.
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

    /// Keeps a few reads in flight, once they are as large as reads get: even where nobody waits
    /// for a device, reading and verifying can go on beside the user.
    private func keepBusy() {
        guard !isSynchronous, combineDistance == combineLimit, combineLimit > 1 else { return }
        readAheadDistance = max(readAheadDistance, min(busyReads * combineDistance, capacity))
    }

    /// A block is about to be read: where others are kept together with it, and come with it at about
    /// the same cost, those that the source names next shall be part of the read.
    func expectGroup() {
        if groupSize == 0 {
            groupSize = min(relation.storage.blocksPerGroup(options.fork), combineLimit)
        }
        combineDistance = max(combineDistance, groupSize)
    }

    /// A page was in the pool.
    func noteHit() {
        statistics.hits += 1
        if decayHoldOff > 0 {
            decayHoldOff -= 1
            return
        }
        readAheadDistance = max(1, readAheadDistance - 1)
        combineDistance = max(1, combineDistance - 1)
    }

    /// There are no buffers for what the stream wanted.
    func noteExhaustion() {
        readAheadDistance = max(1, readAheadDistance / 2)
    }

    private func noteDistance() {
        statistics.maximumDistance = max(statistics.maximumDistance, readAheadDistance)
    }

    /// Whether the source shall be asked for another block.
    @usableFromInline var wantsBlock: Bool {
        if isExhausted || isPaused || heldBlock != .invalid { return false }
        if startFailure != nil || startNeed != nil { return false }
        if readCount == maximumReads { return false }
        // A read that nothing stands before may grow as large as it can.
        if count == 0 && pendingCount > 0 && pendingCount < combineDistance { return true }
        return count + pendingCount < readAheadDistance
    }

    /// Whether the pending read is to be started, rather than to grow when pages were taken.
    var startsPending: Bool {
        guard pendingCount > 0, startFailure == nil, startNeed == nil else { return false }
        return pendingCount >= combineDistance || count == 0 || isExhausted || isPaused
            || heldBlock != .invalid
    }
}
