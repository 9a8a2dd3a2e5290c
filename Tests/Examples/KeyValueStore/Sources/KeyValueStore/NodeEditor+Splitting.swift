import Strata

/// Splitting and merging nodes. Each step is a function of the page's own bytes and of what the log
/// record says, so that recovery gets the same page.
extension NodeEditor {
    /// Adds the entries of another node behind those of this one.
    func append(_ other: NodeEditor, _ range: Range<Int>) throws(PageFormatError) {
        let header = try other.view.header()
        for index in range {
            let key = try other.view.key(index, header)
            try appendLast(key, try other.value(index, header))
        }
    }

    /// Adds an entry whose key is above all others.
    private func appendLast(_ key: [UInt8], _ value: StoredValue) throws(PageFormatError) {
        let header = try view.header()
        let end = header.slots + header.count * Layout.slotSize
        let suffixLength = key.count - header.prefixLength
        let offset = header.heapStart - (2 + suffixLength + value.bytes.count)
        guard suffixLength >= 0, offset >= end + Layout.slotSize else {
            throw .outsidePage(offset: offset, length: suffixLength)
        }
        key.withUnsafeBytes { key in
            let suffix = Bytes(key).dropping(header.prefixLength)
            store(value.lengthField, at: offset)
            (page + offset + 2).copyMemory(from: suffix.start, byteCount: suffix.count)
            (page + offset + 2 + suffix.count).copyMemory(
                from: value.bytes.start, byteCount: value.bytes.count)
            let slot = Slot(offset: offset, suffixLength: suffix.count, head: suffix.head)
            store(slot.word, at: end)
        }
        store(UInt16(offset), at: Layout.heapStart)
        store(UInt16(header.count + 1), at: Layout.count)
    }

    /// Where to split: the first index that moves to the right, and the key between the two sides.
    ///
    /// The middle by bytes; but a key that is put behind all others of the last node starts a node
    /// of its own, so that loading in order fills the nodes.
    func splitPoint(adding key: Bytes) throws(PageFormatError) -> (index: Int, separator: [UInt8]) {
        let header = try view.header()
        let isLeaf = header.level == 0
        let place = try view.find(key, header).index
        if header.isEndless, place == header.count, let point = try lastPoint(key, header) {
            return point
        }
        let half = header.used / 2
        var (index, left) = (0, 0)
        while index < header.count - 1 {
            let entry = Layout.slotSize + (try entryLength(index, header))
            // Whichever side of the middle is nearer.
            if index > 0 && left + entry / 2 > half { break }
            left += entry
            index += 1
        }
        index = max(index, 1)
        if !isLeaf {
            index = min(index, header.count - 1)
            return (index, try view.key(index, header))
        }
        let (last, next) = (try view.key(index - 1, header), try view.key(index, header))
        return (index, Self.separator(last, next))
    }

    /// The last point at which the left side still has room for its new fence.
    private func lastPoint(_ key: Bytes, _ header: PageGlimpse.Header) throws(PageFormatError)
        -> (index: Int, separator: [UInt8])?
    {
        let last = try view.key(header.count - 1, header)
        if header.level > 0 { return (header.count - 1, last) }
        var room = freeBytes(header) - 8
        let separator = Self.separator(last, key.array)
        if separator.count <= room { return (header.count, separator) }
        guard header.count > 1 else { return nil }
        room += Layout.slotSize + (try entryLength(header.count - 1, header))
        let before = Self.separator(try view.key(header.count - 2, header), last)
        return before.count <= room ? (header.count - 1, before) : nil
    }

    private func entryLength(_ index: Int, _ header: PageGlimpse.Header) throws(PageFormatError)
        -> Int
    {
        let slot = try view.slot(index, header)
        return 2 + slot.suffixLength + (try valueLength(slot))
    }

    /// The shortest key that is above `left` and not above `right`.
    private static func separator(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
        var length = 0
        while length < left.count, length < right.count, left[length] == right[length] {
            length += 1
        }
        return Array(right.prefix(length + 1))
    }

    /// Makes `right` the upper part of this node.
    func fillRight(_ right: NodeEditor, from index: Int, _ separator: Bytes)
        throws(PageFormatError)
    {
        let header = try view.header()
        right.format(
            level: header.level, low: separator, high: highBytes(header),
            last: try view.load(Layout.last))
        // An inner node's key at the index moves up.
        try right.append(self, (header.level == 0 ? index : index + 1)..<header.count)
    }

    /// Keeps the entries below `index`, and ends the node at `separator`.
    func truncate(from index: Int, _ separator: Bytes) throws(PageFormatError) {
        try rebuild { (copy, header) throws(PageFormatError) in
            let last: UInt32 = header.level == 0 ? 0 : try copy.view.child(index, header)
            format(
                level: header.level, low: copy.lowBytes(header), high: separator, last: last)
            try append(copy, 0..<index)
        }
    }

    /// In a parent: the child that has `separator` was split there.
    func addChild(_ separator: Bytes, right: UInt32) throws(PageFormatError) {
        let index = try view.childIndex(separator, try view.header())
        let left = try view.child(index, try view.header())
        try setChild(index, right)
        try withUnsafeBytes(of: left.littleEndian) { (left) throws(PageFormatError) in
            try put(separator, StoredValue(isOverflow: false, bytes: Bytes(left)))
        }
    }

    /// In a parent: the children on both sides of `separator` became one, which is the left.
    func joinChildren(_ separator: Bytes) throws(PageFormatError) {
        let (index, isEqual) = try view.find(separator, try view.header())
        guard isEqual else { throw .outsidePage(offset: index, length: separator.count) }
        let left = try view.child(index, try view.header())
        try setChild(index + 1, left)
        try remove(at: index)
    }

    /// Makes this node what `left` and `right` are together. `separator` is between them.
    ///
    /// - Returns: whether they fit, and leave some room.
    func join(_ left: NodeEditor, _ right: NodeEditor, _ separator: Bytes) throws(PageFormatError)
        -> Bool
    {
        let (first, second) = (try left.view.header(), try right.view.header())
        let isLeaf = first.level == 0
        // Cells may grow by what the common prefix gets shorter.
        let growth = (first.count + second.count) * max(first.prefixLength, second.prefixLength)
        let used = first.used + second.used + growth + first.lowLength + second.highLength
        guard used + separator.count + 16 <= Layout.capacity * 3 / 4 else { return false }
        format(
            level: first.level, low: left.lowBytes(first), high: right.highBytes(second),
            last: try right.view.load(Layout.last))
        try append(left, 0..<first.count)
        if !isLeaf {
            let last: UInt32 = try left.view.load(Layout.last)
            try withUnsafeBytes(of: last.littleEndian) { (last) throws(PageFormatError) in
                try appendLast(
                    separator.array, StoredValue(isOverflow: false, bytes: Bytes(last)))
            }
        }
        try append(right, 0..<second.count)
        return true
    }

    /// Whether so little is left that the node should be joined with a neighbour.
    static func isSmall(_ header: PageGlimpse.Header) -> Bool {
        header.used < Layout.capacity / 4
    }
}
