import Strata

/// Joining nodes that have become small: see `Tree` for the protocol.
extension Connection {
    /// Joins the leaf of a key with a neighbour, if both fit into one; then its parent, and so on,
    /// as far as they have become small.
    func joinSmall(_ key: Bytes) throws {
        for level in 0..<Self.mostLevels {
            var outcome = Join.changed
            for _ in 0..<Tree.patience where outcome == .changed {
                guard let (parent, node) = try path(to: key, level: level) else { return }
                outcome =
                    node == Tree.root
                    ? try removeLevel(level) : try join(key, level: level, below: parent)
            }
            if outcome != .parentIsSmall { return }
        }
    }

    private enum Join {
        case done
        /// The tree is not what it was on the way down.
        case changed
        case parentIsSmall
    }

    /// A node's child and the one to its right.
    private struct Neighbours: Equatable {
        let left: UInt32
        let right: UInt32
        let separator: [UInt8]
    }

    /// The child with a key, and the one beside it.
    ///
    /// - Returns: nil if there is no other; `isStale` if this is no parent of the key.
    private static func neighbours(_ page: PageGlimpse, _ key: Bytes, level: Int)
        throws(PageFormatError) -> (neighbours: Neighbours?, isStale: Bool)
    {
        let header = try page.header()
        guard header.isNode, header.level == level + 1, try page.contains(key, header) else {
            return (nil, true)
        }
        if header.count == 0 { return (nil, false) }
        let index = min(try page.childIndex(key, header), header.count - 1)
        return (
            Neighbours(
                left: try page.child(index, header), right: try page.child(index + 1, header),
                separator: try page.key(index, header)), false
        )
    }

    private func join(_ key: Bytes, level: Int, below parent: UInt32) throws -> Join {
        let (pair, isStale) = try relation.read(BlockNumber(parent), session: session) { page in
            try Self.neighbours(page, key, level: level)
        }
        if isStale { return .changed }
        // An only child can be joined with nobody until its parent has been.
        guard let pair else { return .parentIsSmall }
        let pins = [
            try pin(parent), try pin(pair.left), try pin(pair.right), try pin(MetaPage.block),
        ]
        return try latching(pins) { nodes in
            guard try Self.neighbours(nodes[0].view, key, level: level).neighbours == pair else {
                return .changed
            }
            guard var meta = try MetaPage(nodes[3]) else {
                throw KeyValueError.damaged("block 0 is no meta page")
            }
            let joined = PageBuffer()
            return try pair.separator.withUnsafeBytes { separator in
                guard try joined.node.join(nodes[1], nodes[2], Bytes(separator)) else {
                    return .done
                }
                record.begin()
                try record.image(pair.left, node: joined.node)
                record.joinChildren(parent, Bytes(separator))
                _ = try free(pair.right, &meta)
                record.meta(meta)
                _ = try perform([
                    (parent, nodes[0]), (pair.left, nodes[1]), (pair.right, nodes[2]),
                    (MetaPage.block, nodes[3]),
                ])
                return NodeEditor.isSmall(try nodes[0].view.header()) ? .parentIsSmall : .done
            }
        }
    }

    /// If the root has one child only, makes the root what the child is.
    private func removeLevel(_ level: Int) throws -> Join {
        if level == 0 { return .done }
        let child: UInt32? = try relation.read(BlockNumber(Tree.root), session: session) { page in
            let header = try page.header()
            return header.count == 0 && header.level > 0 ? try page.child(0, header) : nil
        }
        guard let child else { return .done }
        let pins = [try pin(Tree.root), try pin(child), try pin(MetaPage.block)]
        return try latching(pins) { nodes in
            let header = try nodes[0].view.header()
            guard header.level == level, header.count == 0,
                try nodes[0].view.child(0, header) == child
            else { return .changed }
            guard var meta = try MetaPage(nodes[2]) else {
                throw KeyValueError.damaged("block 0 is no meta page")
            }
            record.begin()
            try record.image(Tree.root, node: nodes[1])
            _ = try free(child, &meta)
            record.meta(meta)
            _ = try perform([
                (Tree.root, nodes[0]), (child, nodes[1]), (MetaPage.block, nodes[2]),
            ])
            return .done
        }
    }
}
