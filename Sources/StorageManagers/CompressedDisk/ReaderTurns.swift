/// Two turns in which reads begin. They show when all reads that had begun before some moment are
/// over, while other reads continue to begin.
struct ReaderTurns {
    /// A read's token, from its beginning to its end.
    struct Turn {
        fileprivate var parity = 0
        /// The opening of the fork that it belongs to. Once the fork was closed, nothing waits for
        /// it.
        fileprivate(set) var opening: UInt64 = 0
    }

    /// Counts the openings of the fork.
    private(set) var opening: UInt64 = 0
    private var counts = InlineArray<2, Int>(repeating: 0)
    private var turn: UInt64 = 0
    private var retired: [(turn: UInt64, extents: [Extent])] = []

    /// Starts counting for a new opening, without readers.
    mutating func begin(after earlier: ReaderTurns) { opening = earlier.opening + 1 }

    /// Whether no read is in progress.
    var areNone: Bool { counts[0] == 0 && counts[1] == 0 }

    /// Begins a read. Give its turn back at its end.
    mutating func begin() -> Turn {
        let parity = Int(turn & 1)
        counts[parity] += 1
        return Turn(parity: parity, opening: opening)
    }

    /// Ends a read. Returns extents that nothing reads any more.
    mutating func end(_ turn: Turn) -> [Extent] {
        guard turn.opening == opening else { return [] }
        counts[turn.parity] -= 1
        return counts[turn.parity] == 0 && !retired.isEmpty ? advance() : []
    }

    /// Retires extents that new reads do not find. Returns those that nothing reads any more.
    mutating func retire(_ extents: [Extent]) -> [Extent] {
        if !extents.isEmpty { retired.append((turn, extents)) }
        return advance()
    }

    /// Ends a turn once no read of the previous turn is in progress. Reads of a turn are over two
    /// turns later.
    private mutating func advance() -> [Extent] {
        for _ in 0..<2 where counts[Int((turn + 1) & 1)] == 0 { turn += 1 }
        var free: [Extent] = []
        while let oldest = retired.first, oldest.turn + 2 <= turn {
            free += oldest.extents
            retired.removeFirst()
        }
        return free
    }
}
