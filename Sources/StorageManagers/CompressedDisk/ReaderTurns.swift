/// Two turns in which reads begin, so that it can be told when all are over that had begun before
/// some moment, while others go on beginning.
struct ReaderTurns {
    /// What a read has from its beginning to its end.
    struct Turn {
        fileprivate var parity = 0
        /// Which opening of the fork it belongs to: once the fork was closed, nobody waits for it.
        fileprivate(set) var opening: UInt64 = 0
    }

    /// Counts the openings of the fork.
    private(set) var opening: UInt64 = 0
    private var counts = InlineArray<2, Int>(repeating: 0)
    private var turn: UInt64 = 0
    private var retired: [(turn: UInt64, extents: [Extent])] = []

    /// Begins to count for a new opening, without readers.
    mutating func begin(after earlier: ReaderTurns) { opening = earlier.opening + 1 }

    /// Whether no read is going on.
    var areNone: Bool { counts[0] == 0 && counts[1] == 0 }

    /// A read begins; its turn is to be given back.
    mutating func begin() -> Turn {
        let parity = Int(turn & 1)
        counts[parity] += 1
        return Turn(parity: parity, opening: opening)
    }

    /// A read is over. Returns extents that nobody reads any more.
    mutating func end(_ turn: Turn) -> [Extent] {
        guard turn.opening == opening else { return [] }
        counts[turn.parity] -= 1
        return counts[turn.parity] == 0 && !retired.isEmpty ? advance() : []
    }

    /// Takes extents that new reads do not find. Returns those that nobody reads any more.
    mutating func retire(_ extents: [Extent]) -> [Extent] {
        if !extents.isEmpty { retired.append((turn, extents)) }
        return advance()
    }

    /// A turn ends when none of the one before it is going on: reads of a turn are over two turns
    /// later.
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
