import Strata

/// Splitting nodes: see `Tree` for the protocol.
extension Connection {
    /// Splits the node of a level that has a key. Does nothing if it was split meanwhile.
    func split(_ key: Bytes, level: Int) throws {
        for _ in 0..<Tree.patience {
            guard let (parent, node) = try path(to: key, level: level) else { return }
            let outcome =
                node == Tree.root
                ? try splitRoot(key, level: level)
                : try split(key, level: level, node, below: parent)
            switch outcome {
            case .done: return
            case .changed: continue
            case .parentIsFull: try split(key, level: level + 1)
            }
        }
        throw KeyValueError.damaged("a node of level \(level) cannot be split")
    }

    private enum Split {
        case done
        /// The tree is not what it was on the way down.
        case changed
        case parentIsFull
    }

    private func split(_ key: Bytes, level: Int, _ block: UInt32, below parent: UInt32) throws
        -> Split
    {
        let pins = [try pin(parent), try pin(block), try pin(MetaPage.block)]
        return try latching(pins) { nodes in
            let (above, node) = (nodes[0], nodes[1])
            guard try above.view.child(for: key, level: level + 1) == block else { return .changed }
            let header = try node.view.header()
            guard header.isNode, header.level == level, try node.view.contains(key, header) else {
                return .changed
            }
            // Another writer has split it.
            if header.used < Layout.capacity / 2 { return .done }
            guard var meta = try MetaPage(nodes[2]) else {
                throw KeyValueError.damaged("block 0 is no meta page")
            }
            let (index, separator) = try node.splitPoint(adding: key)
            return try separator.withUnsafeBytes { bytes in
                guard try above.hasRoom(for: Bytes(bytes), valueLength: 4) else {
                    return .parentIsFull
                }
                let new = try allocate(1, &meta)
                let right = PageBuffer()
                try node.fillRight(right.node, from: index, Bytes(bytes))
                record.begin()
                record.truncate(block, from: index, Bytes(bytes))
                try record.image(new[0].block, node: right.node)
                record.addChild(parent, Bytes(bytes), right: new[0].block)
                record.meta(meta)
                _ = try perform(
                    [(parent, above), (block, node), (MetaPage.block, nodes[2])], new: new)
                return .done
            }
        }
    }

    /// Moves what the root has to two new nodes, which become its children.
    private func splitRoot(_ key: Bytes, level: Int) throws -> Split {
        let pins = [try pin(Tree.root), try pin(MetaPage.block)]
        return try latching(pins) { nodes in
            let root = nodes[0]
            let header = try root.view.header()
            guard header.isNode, header.level == level else { return .changed }
            if header.used < Layout.capacity / 2 { return .done }
            guard var meta = try MetaPage(nodes[1]) else {
                throw KeyValueError.damaged("block 0 is no meta page")
            }
            let (index, separator) = try root.splitPoint(adding: key)
            let new = try allocate(2, &meta)
            let (left, right, top) = (PageBuffer(), PageBuffer(), PageBuffer())
            left.node.page.copyMemory(from: root.page, byteCount: PageFrame.pageSize)
            top.node.format(level: level + 1, low: .none, high: nil, last: new[0].block)
            try separator.withUnsafeBytes { bytes in
                try root.fillRight(right.node, from: index, Bytes(bytes))
                try left.node.truncate(from: index, Bytes(bytes))
                try top.node.addChild(Bytes(bytes), right: new[1].block)
            }
            record.begin()
            try record.image(new[0].block, node: left.node)
            try record.image(new[1].block, node: right.node)
            try record.image(Tree.root, node: top.node)
            record.meta(meta)
            _ = try perform([(Tree.root, root), (MetaPage.block, nodes[1])], new: new)
            return .done
        }
    }
}
