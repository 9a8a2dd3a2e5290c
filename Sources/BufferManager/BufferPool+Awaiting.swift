internal import AsyncIO
internal import StorageManager

/// Finding a buffer without waiting.
extension BufferPool {
    /// The outcome of claiming without waiting.
    enum Claim {
        /// This many buffers, untagged.
        case clean(Int)
        /// Only this one, claimed, whose page must be written first.
        case dirty(Int)
        /// None: all are in use.
        case none
    }

    /// How many claims are tried for a clean buffer before a dirty one is accepted.
    private static let cleanTries = 16

    /// ``claimVictims(_:into:_:_:)`` that never writes a page, for callers that must not wait.
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
