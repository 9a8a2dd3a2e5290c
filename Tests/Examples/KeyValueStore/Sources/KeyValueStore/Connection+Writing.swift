import Strata

/// Changing entries: see `Tree` for the protocol.
extension Connection {
    /// Sets the value of a key.
    ///
    /// - Throws: `KeyValueError`; what reading pages, writing the log and growing the file throw.
    ///   After an error of the log nothing more can be changed.
    public func put(_ key: [UInt8], _ value: [UInt8], _ durability: Durability = .committed) throws
    {
        try Self.check(key)
        guard value.count <= store.longestValue else {
            throw KeyValueError.valueTooLong(length: value.count)
        }
        let isLong = key.count + value.count > Layout.longestEntry
        let lsn = try key.withUnsafeBytes { key in
            try value.withUnsafeBytes { value in
                try change(Bytes(key)) { leaf in
                    isLong
                        ? try putLong(Bytes(key), Bytes(value), leaf)
                        : try putShort(Bytes(key), Bytes(value), leaf)
                }
            }
        }
        if let lsn { try finish(lsn, durability) }
    }

    /// Removes a key.
    ///
    /// - Returns: whether it was there.
    @discardableResult
    public func remove(_ key: [UInt8], _ durability: Durability = .committed) throws -> Bool {
        try Self.check(key)
        return try key.withUnsafeBytes { key in
            var isSmall = false
            let lsn = try change(Bytes(key)) { leaf in
                let outcome = try removeEntry(Bytes(key), leaf)
                isSmall = NodeEditor.isSmall(try leaf.node.view.header())
                return outcome
            }
            if isSmall { try joinSmall(Bytes(key)) }
            guard let lsn else { return false }
            try finish(lsn, durability)
            return true
        }
    }

    private func finish(_ lsn: LSN, _ durability: Durability) throws {
        if durability == .committed { try store.log.commit(lsn) }
        store.noteLog(lsn)
    }

    /// A latched leaf.
    struct Leaf {
        let block: UInt32
        let node: NodeEditor
        /// Whether the meta page can be latched, with the leaf held.
        let meta: Pin?
    }

    /// What became of a change.
    enum Outcome {
        case done(LSN)
        /// There is nothing to change.
        case nothing
        /// The leaf must be split first.
        case full
        /// The meta page is needed too.
        case needsMeta
    }

    /// Finds the leaf of a key and changes it.
    private func change(_ key: Bytes, _ body: (Leaf) throws -> Outcome) throws -> LSN? {
        var meta: Pin?
        for _ in 0..<Tree.patience {
            guard let block = try path(to: key, level: 0)?.node else { continue }
            let page = try relation.page(BlockNumber(block), session: session)
            let end = store.log.end.rawValue
            change.position.store(end, ordering: .sequentiallyConsistent)
            defer { change.position.store(.max, ordering: .sequentiallyConsistent) }
            let outcome: Outcome? = try Self.latching(page) { node in
                let header = try node.view.header()
                // Somebody may have split or freed it since.
                guard header.isNode, header.level == 0, try node.view.contains(key, header) else {
                    return nil
                }
                return try body(Leaf(block: block, node: node, meta: meta))
            }
            switch outcome {
            case nil: continue
            case .done(let lsn): return lsn
            case .nothing: return nil
            case .full: try split(key, level: 0)
            case .needsMeta: meta = try pin(MetaPage.block)
            }
        }
        throw KeyValueError.damaged("no leaf for a key")
    }

    private func putShort(_ key: Bytes, _ value: Bytes, _ leaf: Leaf) throws -> Outcome {
        let value = StoredValue(isOverflow: false, bytes: value)
        guard try leaf.node.hasRoom(for: key, valueLength: value.bytes.count) else { return .full }
        if let old = try overflow(of: key, leaf.node) {
            return try withMeta(leaf) { meta, metaNode in
                record.begin()
                record.put(leaf.block, key, value)
                let freed = try free(old, &meta)
                record.meta(meta)
                return try perform([(leaf.block, leaf.node), metaNode], new: freed)
            }
        }
        record.begin()
        record.put(leaf.block, key, value)
        return .done(try perform([(leaf.block, leaf.node)]))
    }

    private func removeEntry(_ key: Bytes, _ leaf: Leaf) throws -> Outcome {
        guard try leaf.node.view.find(key, try leaf.node.view.header()).isEqual else {
            return .nothing
        }
        if let old = try overflow(of: key, leaf.node) {
            return try withMeta(leaf) { meta, metaNode in
                record.begin()
                record.remove(leaf.block, key)
                let freed = try free(old, &meta)
                record.meta(meta)
                return try perform([(leaf.block, leaf.node), metaNode], new: freed)
            }
        }
        record.begin()
        record.remove(leaf.block, key)
        return .done(try perform([(leaf.block, leaf.node)]))
    }

    /// Writes a value to a chain of pages, and a reference to the leaf.
    private func putLong(_ key: Bytes, _ value: Bytes, _ leaf: Leaf) throws -> Outcome {
        guard try leaf.node.hasRoom(for: key, valueLength: OverflowReference.size) else {
            return .full
        }
        return try withMeta(leaf) { meta, metaNode in
            record.begin()
            let old = try overflow(of: key, leaf.node)
            let count = OverflowReference.pageCount(value.count)
            var pins = try allocate(count, &meta)
            let buffer = PageBuffer()
            for (index, pin) in pins.enumerated() {
                let part = value.dropping(index * OverflowReference.pageCapacity)
                    .prefix(OverflowReference.pageCapacity)
                let next = index + 1 < count ? pins[index + 1].block : 0
                buffer.node.formatOverflow(part, next: next, chain: meta.nextChain)
                record.image(pin.block, buffer.node, lower: Layout.fences + part.count)
            }
            let reference = OverflowReference(
                first: pins[0].block, length: UInt32(value.count), chain: meta.nextChain)
            meta.nextChain += 1
            reference.bytes.withUnsafeBytes { bytes in
                record.put(leaf.block, key, StoredValue(isOverflow: true, bytes: Bytes(bytes)))
            }
            if let old { pins += try free(old, &meta) }
            record.meta(meta)
            return try perform([(leaf.block, leaf.node), metaNode], new: pins)
        }
    }

    /// The chain of a key's present value.
    private func overflow(of key: Bytes, _ node: NodeEditor) throws -> OverflowReference? {
        let header = try node.view.header()
        let (index, isEqual) = try node.view.find(key, header)
        guard isEqual else { return nil }
        let value = try node.value(index, header)
        return value.isOverflow ? OverflowReference(value.bytes) : nil
    }

    /// Latches the meta page below a leaf.
    private func withMeta(
        _ leaf: Leaf, _ body: (inout MetaPage, (block: UInt32, node: NodeEditor)) throws -> LSN
    ) throws -> Outcome {
        guard let pin = leaf.meta else { return .needsMeta }
        return try Self.latching(pin.page) { node in
            guard var meta = try MetaPage(node) else {
                throw KeyValueError.damaged("block 0 is no meta page")
            }
            return .done(try body(&meta, (MetaPage.block, node)))
        }
    }
}
