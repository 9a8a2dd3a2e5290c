import Strata

/// A value as a leaf has it.
struct StoredValue {
    /// Whether `bytes` are a reference to overflow pages.
    let isOverflow: Bool
    let bytes: Bytes

    /// What the value length in the cell is.
    var lengthField: UInt16 { isOverflow ? Layout.overflow : UInt16(bytes.count) }
}

/// A page to change.
///
/// Unsafe: its maker holds the page's content lock exclusively, or owns the memory. Every
/// change is deterministic, since recovery repeats it.
struct NodeEditor {
    let page: UnsafeMutableRawPointer

    init(_ page: UnsafeMutableRawPointer) { self.page = page }

    var view: PageGlimpse {
        @_lifetime(immortal)
        get { PageGlimpse(unsafePage: UnsafeRawPointer(page)) }
    }

    func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int) {
        page.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }

    // MARK: Making

    /// Makes an empty node.
    func format(level: Int, low: Bytes, high: Bytes?, last: UInt32) {
        clear()
        store(Kind.node.rawValue, at: Layout.kind)
        store(UInt8(level), at: Layout.level)
        store(UInt16(PageFrame.pageSize), at: Layout.heapStart)
        store(UInt16(low.count), at: Layout.lowLength)
        store(high.map { UInt16($0.count) } ?? Layout.endless, at: Layout.highLength)
        store(UInt16(high.map { Bytes.commonPrefix(low, $0) } ?? 0), at: Layout.prefixLength)
        store(last, at: Layout.last)
        copy(low, to: Layout.fences)
        if let high { copy(high, to: Layout.fences + low.count) }
        let end = Layout.fences + low.count + (high?.count ?? 0)
        store(UInt16((end + 7) & ~7), at: Layout.slots)
    }

    /// Makes everything zero but the frame.
    func clear() {
        (page + PageFrame.size).initializeMemory(
            as: UInt8.self, repeating: 0, count: PageFrame.pageSize - PageFrame.size)
    }

    private func copy(_ bytes: Bytes, to offset: Int) {
        precondition(offset >= PageFrame.size && offset + bytes.count <= PageFrame.pageSize)
        (page + offset).copyMemory(from: bytes.start, byteCount: bytes.count)
    }

    // MARK: Room

    /// Whether an entry fits, possibly in place of the one that has its key.
    func hasRoom(for key: Bytes, valueLength: Int) throws(PageFormatError) -> Bool {
        let header = try view.header()
        let suffixLength = key.count - header.prefixLength
        var free = freeBytes(header)
        let (index, isEqual) = try view.find(key, header)
        if isEqual { free += Layout.slotSize + (try cellLength(index, header)) }
        return free >= Layout.slotSize + 2 + suffixLength + valueLength
    }

    func freeBytes(_ header: PageGlimpse.Header) -> Int {
        header.heapStart - header.slots - header.count * Layout.slotSize + header.freed
    }

    private func cellLength(_ index: Int, _ header: PageGlimpse.Header) throws(PageFormatError)
        -> Int
    {
        let slot = try view.slot(index, header)
        return 2 + slot.suffixLength + (try valueLength(slot))
    }

    func valueLength(_ slot: Slot) throws(PageFormatError) -> Int {
        let length: UInt16 = try view.load(slot.offset)
        return length == Layout.overflow ? OverflowReference.size : Int(length)
    }

    /// The value at `index`, where it lies.
    func value(_ index: Int, _ header: PageGlimpse.Header) throws(PageFormatError) -> StoredValue {
        let slot = try view.slot(index, header)
        let length = try valueLength(slot)
        guard slot.value + length <= PageFrame.pageSize else {
            throw .outsidePage(offset: slot.value, length: length)
        }
        let isOverflow = try view.load(slot.offset, as: UInt16.self) == Layout.overflow
        return StoredValue(
            isOverflow: isOverflow, bytes: Bytes(start: page + slot.value, count: length))
    }

    // MARK: Changing

    /// Adds an entry or replaces its value. There must be room.
    func put(_ key: Bytes, _ value: StoredValue) throws(PageFormatError) {
        var header = try view.header()
        let (index, isEqual) = try view.find(key, header)
        if isEqual {
            let slot = try view.slot(index, header)
            let oldLength = try valueLength(slot)
            if oldLength == value.bytes.count {
                store(value.lengthField, at: slot.offset)
                return copy(value.bytes, to: slot.value)
            }
            try remove(at: index)
            header = try view.header()
        }
        let suffix = key.dropping(header.prefixLength)
        let length = 2 + suffix.count + value.bytes.count
        let end = header.slots + header.count * Layout.slotSize
        if header.heapStart - end < length + Layout.slotSize {
            try compact()
            header = try view.header()
        }
        let offset = header.heapStart - length
        precondition(offset >= end + Layout.slotSize, "an entry is added only where it fits")
        store(value.lengthField, at: offset)
        copy(suffix, to: offset + 2)
        copy(value.bytes, to: offset + 2 + suffix.count)
        store(UInt16(offset), at: Layout.heapStart)
        let place = header.slots + index * Layout.slotSize
        (page + place + Layout.slotSize).copyMemory(from: page + place, byteCount: end - place)
        let slot = Slot(offset: offset, suffixLength: suffix.count, head: suffix.head)
        store(slot.word, at: place)
        store(UInt16(header.count + 1), at: Layout.count)
    }

    /// Removes the entry at `index`.
    func remove(at index: Int) throws(PageFormatError) {
        let header = try view.header()
        let length = try cellLength(index, header)
        let place = header.slots + index * Layout.slotSize
        let end = header.slots + header.count * Layout.slotSize
        guard place < end, end <= PageFrame.pageSize else {
            throw .outsidePage(offset: place, length: Layout.slotSize)
        }
        (page + place).copyMemory(
            from: page + place + Layout.slotSize, byteCount: end - place - Layout.slotSize)
        store(UInt16(header.count - 1), at: Layout.count)
        store(UInt16(header.freed + length), at: Layout.freed)
    }

    /// Removes a key, if it is there.
    func remove(_ key: Bytes) throws(PageFormatError) {
        let (index, isEqual) = try view.find(key, try view.header())
        if isEqual { try remove(at: index) }
    }

    /// Sets the child at `index`.
    func setChild(_ index: Int, _ child: UInt32) throws(PageFormatError) {
        let header = try view.header()
        if index >= header.count { return store(child, at: Layout.last) }
        let place = try view.slot(index, header).value
        guard place + 4 <= PageFrame.pageSize else { throw .outsidePage(offset: place, length: 4) }
        store(child, at: place)
    }

    /// Brings the free bytes together.
    private func compact() throws(PageFormatError) {
        try rebuild { (copy, header) throws(PageFormatError) in
            format(
                level: header.level, low: copy.lowBytes(header), high: copy.highBytes(header),
                last: try copy.view.load(Layout.last))
            try append(copy, 0..<header.count)
        }
    }

    /// Calls `body` with a copy of this page.
    func rebuild(
        _ body: (NodeEditor, PageGlimpse.Header) throws(PageFormatError) -> Void
    ) throws(PageFormatError) {
        let memory = PageBuffer()
        memory.node.page.copyMemory(from: page, byteCount: PageFrame.pageSize)
        try body(memory.node, try memory.node.view.header())
    }

    func lowBytes(_ header: PageGlimpse.Header) -> Bytes {
        Bytes(start: page + Layout.fences, count: header.lowLength)
    }

    func highBytes(_ header: PageGlimpse.Header) -> Bytes? {
        header.isEndless
            ? nil : Bytes(start: page + Layout.fences + header.lowLength, count: header.highLength)
    }
}

/// Memory for one page, freed with the object.
final class PageBuffer {
    let node: NodeEditor

    init() {
        node = NodeEditor(.allocate(byteCount: PageFrame.pageSize, alignment: 16))
        node.page.initializeMemory(as: UInt8.self, repeating: 0, count: PageFrame.pageSize)
    }

    deinit { node.page.deallocate() }
}
