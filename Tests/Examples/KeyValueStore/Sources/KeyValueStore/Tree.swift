import Strata

/// The tree's rules. Read this first.
///
/// **What it is.** A B+tree: inner nodes lead to leaves, leaves have the entries. The root is
/// always the same block. Each node has fences, the lowest key that it may have and the key at
/// which it ends. On each level the fences of the nodes follow one another without a gap, so
/// exactly one leaf may have a given key. `Layout` shows a page.
///
/// **Reading** takes no pin and no lock. A reader goes down from the root, each node by one
/// `relation.read`, which returns what was true of that page at one moment. Between two nodes
/// anything may happen: the child may have been split, joined with its neighbour, freed, or be an
/// overflow page by now. So the reader trusts nothing but the leaf: if it is a leaf and its fences
/// include the key, it is the only leaf that may have the key, and the answer is right. If not, the
/// reader begins again at the root, where the way is right by then.
///
/// **Writing** goes down in the same way, pins the leaf, latches it exclusively, and looks at its
/// fences again. If the key is there, the latch keeps it there, and the entry is put or removed.
///
/// **Splitting and joining** change a parent and its children. The writer latches them from the top
/// down and from the left to the right, each while it holds the one before, then the meta page; and
/// looks again whether everything is as it was when it came down. If the parent has no room, it is
/// split first, as a step of its own. Every step is one record of the log and leaves a whole tree.
///
/// **Order of latches.** Parent, child, the child's right neighbour, meta page, pages that nobody
/// else can reach. A writer of an entry has a leaf, and then perhaps the meta page. Nobody takes a
/// latch against this order, so nobody waits in a circle. Readers hold none.
///
/// **Logging.** Under the latches: build the record, add it to the log, apply it to the pages and
/// stamp them with its position. Strata writes no page before the log is durable up to its stamp.
enum Tree {
    /// The block of the root, for ever.
    static let root: UInt32 = 1
    /// How often a descent begins again before the tree counts as damaged. A descent is stopped by
    /// a split at the same place and time, or by damage; only damage stops it each time.
    static let patience = 100_000
}

/// Why a call on the store failed, besides the `StorageError`s of Strata.
public enum KeyValueError: Error, Equatable {
    /// A key is empty or longer than 512 bytes.
    case badKey(length: Int)
    /// A value is longer than ``KeyValueStore/longestValue``.
    case valueTooLong(length: Int)
    /// The tree does not hang together: the store is damaged.
    case damaged(String)
}

/// What a reader finds in one node.
enum Step {
    /// The child for the key; its level.
    case child(UInt32, level: Int)
    /// A leaf has the key, and a value of that many bytes was copied.
    case value(Int)
    /// A leaf has the key, and other pages the value.
    case overflow(OverflowReference)
    /// The leaf for the key does not have it.
    case absent
    /// This is not the leaf for the key.
    case elsewhere
}

extension PageGlimpse {
    /// One step of a search.
    ///
    /// - Parameters:
    ///   - key: what is looked for.
    ///   - target: where a value is copied to; `PageFrame.pageSize` bytes.
    ///   - isLeaf: whether the node is probably a leaf.
    @inline(__always)
    func step(_ key: Bytes, _ target: UnsafeMutableRawPointer, isLeaf: Bool = false)
        throws(PageFormatError) -> Step
    {
        if isLeaf { try touchSlots() }
        let header = try header()
        guard header.isNode else { return .elsewhere }
        if header.level > 0 {
            // A wrong child is found out at the leaf.
            let index = try childIndex(key, header)
            return .child(try child(index, header), level: header.level &- 1)
        }
        guard try contains(key, header) else { return .elsewhere }
        let (index, isEqual) = try find(key, header)
        guard isEqual else { return .absent }
        let slot = try slot(index, header)
        let length: UInt16 = try load(slot.offset)
        if length == Layout.overflow {
            return .overflow(
                OverflowReference(
                    first: try load(slot.value), length: try load(slot.value &+ 4),
                    chain: try load(slot.value &+ 8)))
        }
        var span = _overrideLifetime(
            MutableRawSpan(_unsafeStart: target, byteCount: Int(length)), borrowing: ())
        guard Int(length) <= PageFrame.pageSize else {
            throw .outsidePage(offset: slot.value, length: Int(length))
        }
        try copy(slot.value, to: &span)
        return .value(Int(length))
    }

    /// The child of a node of some level in which a key is; nil if this is no such node.
    func child(for key: Bytes, level: Int) throws(PageFormatError) -> UInt32? {
        let header = try header()
        guard header.isNode, header.level == level, try contains(key, header) else { return nil }
        return try child(try childIndex(key, header), header)
    }
}
