internal import AsyncIO
internal import StorageManager

/// Finding a buffer without ever waiting.
extension BufferPool {
    /// What claiming without waiting came to.
    enum Claim {
        /// So many buffers, untagged.
        case clean(Int)
        /// None but this one, claimed, whose page is to be written out first.
        case dirty(Int)
        /// None: all are in use.
        case none
    }

    /// How many buffers are looked at for a clean one before a dirty one has to do.
    private static let cleanTries = 16

    /// As ``claimVictims(_:into:_:_:)``, but never writes a page out: for callers that must not wait.
    /// Passes over a few dirty buffers if there are clean ones behind them.
    func claimCleanVictims(
        _ wanted: Int, into places: UnsafeMutablePointer<UInt32>, _ strategy: AccessStrategy?,
        _ session: Session
    ) -> Claim {
        let ring = isLocal || strategy?.kind == .normal ? nil : strategy
        var kept: Int?
        for _ in 0..<Self.cleanTries {
            let found = unsafe claim(wanted, into: places, ring, sparing: sparedState, session)
            if found == 0 { break }
            var cleared = 0
            for position in 0..<found {
                let index = unsafe Int(places[position])
                if clear(index, session) {
                    unsafe places[cleared] = UInt32(index)
                    cleared += 1
                } else if kept == nil, buffer(index).state.has(BufferState.dirty) {
                    kept = index
                } else {
                    unclaim(index)
                }
            }
            if cleared > 0 {
                if let kept { unclaim(kept) }
                return .clean(cleared)
            }
        }
        return kept.map { .dirty($0) } ?? .none
    }
}
