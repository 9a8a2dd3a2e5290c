/// Counts the kinds of a fork's pages, to find those that do not belong there.
struct KindTally: Sendable {
    /// The kind that the catalog says; nil if unknown.
    private let expected: PostgresPageKind?
    private var blocks = [BlockRanges](
        repeating: BlockRanges(), count: PostgresPageKind.allCases.count)

    init(expected: PostgresPageKind?) { self.expected = expected }

    @inline(__always)
    mutating func take(_ kind: PostgresPageKind, _ block: UInt32) {
        if let expected, kind.mayBe(expected) { return }
        blocks[Int(kind.rawValue)].add(block)
    }

    /// Adds the pages of a later part of the fork.
    mutating func add(_ other: KindTally) {
        for kind in PostgresPageKind.allCases {
            let index = Int(kind.rawValue)
            if other.blocks[index].count == 0 { continue }
            if let expected, kind.mayBe(expected) { continue }
            blocks[index].add(other.blocks[index])
        }
    }

    /// The kind that the fork should have: what the catalog says, or what most pages are.
    private var own: PostgresPageKind? {
        if let expected { return expected }
        let most = PostgresPageKind.allCases.max {
            blocks[Int($0.rawValue)].count < blocks[Int($1.rawValue)].count
        }
        return most.flatMap { blocks[Int($0.rawValue)].count > 0 ? $0 : nil }
    }

    /// What the fork should be of.
    var name: String { own?.name ?? "another kind" }

    /// The pages of other kinds, by kind.
    var foreign: [(PostgresPageKind, BlockRanges)] {
        guard let own else { return [] }
        return PostgresPageKind.allCases.compactMap { kind in
            let found = blocks[Int(kind.rawValue)]
            return found.count > 0 && !kind.mayBe(own) ? (kind, found) : nil
        }
    }
}
