/// Entries by the number of their chunk, in memory that grows with the entries, not with the
/// numbers: what a damaged map claims of a fork's length costs nothing.
///
/// Chunks are kept in leaves of 512. A leaf without entries takes no memory, but for eight bytes
/// where a later one has some.
struct ChunkTable: Sendable {
    private static let leafBits = 9
    private static let leafCount = 1 << leafBits

    private var leaves: [[ChunkEntry]] = []

    /// The entry of a chunk; ``ChunkEntry/empty`` where none was set.
    subscript(chunk: Int) -> ChunkEntry {
        get {
            let leaf = chunk >> Self.leafBits
            guard leaf < leaves.count, !leaves[leaf].isEmpty else { return .empty }
            return leaves[leaf][chunk & (Self.leafCount - 1)]
        }
        set {
            let leaf = chunk >> Self.leafBits
            if leaf >= leaves.count {
                if newValue == .empty { return }
                leaves += repeatElement([], count: leaf + 1 - leaves.count)
            }
            if leaves[leaf].isEmpty {
                if newValue == .empty { return }
                leaves[leaf] = Array(repeating: .empty, count: Self.leafCount)
            }
            leaves[leaf][chunk & (Self.leafCount - 1)] = newValue
        }
    }

    /// The entries from a chunk on that are not ``ChunkEntry/empty``, in order. Each takes a step,
    /// as does each leaf.
    func entries(from first: Int = 0) -> Entries { Entries(leaves, from: first) }

    /// Entries by chunk.
    struct Entries: Sequence, IteratorProtocol {
        private let leaves: [[ChunkEntry]]
        private var position: Int

        fileprivate init(_ leaves: [[ChunkEntry]], from first: Int) {
            self.leaves = leaves
            position = first
        }

        mutating func next() -> (chunk: Int, entry: ChunkEntry)? {
            while position >> ChunkTable.leafBits < leaves.count {
                let leaf = position >> ChunkTable.leafBits
                let slot = position & (ChunkTable.leafCount - 1)
                if slot >= leaves[leaf].count {
                    position = (leaf + 1) << ChunkTable.leafBits
                    continue
                }
                defer { position += 1 }
                if leaves[leaf][slot] != .empty { return (position, leaves[leaf][slot]) }
            }
            return nil
        }
    }
}
