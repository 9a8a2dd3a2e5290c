import Strata

/// The layout of a page of the tree.
///
///     0       frame       Strata's: log position, checksum
///     frame   kind, level, count, heap start, freed bytes             8 bytes
///     +8      lengths: low fence, high fence, prefix; first slot      8 bytes
///     +16     last child, or next page                                4 + 4 bytes
///     +24     chain                                                   8 bytes
///     +32     low fence, high fence
///             slots, 8 bytes each: offset, suffix length, head
///             free space
///     heap    cells: value length, key's suffix, value; down from the page's end
///
/// A node has the keys from its low fence up to, but not including, its high fence; no high fence
/// means no limit. All keys between two fences begin with what the fences have in common, so cells
/// keep only the rest, and a slot has the first four bytes of that: most searches touch the slots
/// and one cell. An inner node's value is the child with the keys below the cell's key; the last
/// child has the others. Fences let a reader that came by a stale path notice it: see `Tree`.
enum Layout {
    static let kind = PageFrame.size
    static let level = kind + 1
    static let count = kind + 2
    static let heapStart = kind + 4
    static let freed = kind + 6
    static let lowLength = kind + 8
    static let highLength = kind + 10
    static let prefixLength = kind + 12
    static let slots = kind + 14
    /// The last child of an inner node; the next page of a chain, or of the free list.
    static let last = kind + 16
    /// Which chain an overflow page belongs to.
    static let chain = kind + 24
    static let fences = kind + 32
    static let slotSize = 8
    /// The length that stands for "no high fence".
    static let endless: UInt16 = 0xFFFF
    /// The value length that stands for a reference to overflow pages.
    static let overflow: UInt16 = 0xFFFF

    /// Keys are at most that long, so that fences leave enough of the page.
    static let longestKey = 512
    /// Key and value together are at most a quarter of a page; longer values overflow. Three such
    /// cells and two fences fit, so that after a split there is always room for one more.
    static let longestEntry = PageFrame.pageSize / 4 - 16
    /// What a page has for fences, slots and cells.
    static let capacity = PageFrame.pageSize - fences
}

/// What a page is used for.
enum Kind: UInt8 {
    case new = 0
    case node = 1
    case overflow = 2
    case free = 3
    case meta = 4
}

/// A slot: where a cell is, and how its key begins.
struct Slot {
    let word: UInt64

    init(word: UInt64) { self.word = word }

    init(offset: Int, suffixLength: Int, head: UInt32) {
        word =
            UInt64(UInt16(offset)) | UInt64(UInt16(suffixLength)) << 16 | UInt64(head) << 32
    }

    @inline(__always) var offset: Int { Int(word & 0xFFFF) }
    @inline(__always) var suffixLength: Int { Int(word >> 16 & 0xFFFF) }
    @inline(__always) var head: UInt32 { UInt32(truncatingIfNeeded: word >> 32) }
    @inline(__always) var suffix: Int { offset &+ 2 }
    @inline(__always) var value: Int { offset &+ 2 &+ suffixLength }
}

/// Reading nodes. The page may be changing meanwhile (see Strata's "Reading hot pages"): whatever
/// its bytes are, these calls end, and reach nothing outside the page.
extension PageGlimpse {
    /// The fields of a node's header, each loaded once.
    struct Header {
        let first: UInt64
        let second: UInt64
        @inline(__always) var kind: UInt8 { UInt8(truncatingIfNeeded: first) }
        @inline(__always) var isNode: Bool { kind == Kind.node.rawValue }
        @inline(__always) var level: Int { Int(first >> 8 & 0xFF) }
        @inline(__always) var count: Int { Int(first >> 16 & 0xFFFF) }
        @inline(__always) var heapStart: Int { Int(first >> 32 & 0xFFFF) }
        @inline(__always) var freed: Int { Int(first >> 48) }
        @inline(__always) var lowLength: Int { Int(second & 0xFFFF) }
        @inline(__always) var isEndless: Bool { second >> 16 & 0xFFFF == UInt64(Layout.endless) }
        @inline(__always) var highLength: Int { isEndless ? 0 : Int(second >> 16 & 0xFFFF) }
        @inline(__always) var prefixLength: Int { Int(second >> 32 & 0xFFFF) }
        @inline(__always) var slots: Int { Int(second >> 48) }
        /// The bytes of slots and cells.
        var used: Int { count * Layout.slotSize + PageFrame.pageSize - heapStart - freed }
    }

    @inline(__always)
    func header() throws(PageFormatError) -> Header {
        Header(first: try load(Layout.kind), second: try load(Layout.lowLength))
    }

    /// Asks for the memory of the first slots at once. A search would wait for one part of it after
    /// the other, as it does not know the next place before it has seen the last one.
    @inline(__always)
    func touchSlots() throws(PageFormatError) {
        var offset = Layout.fences
        while offset < Layout.fences &+ 576 {
            _ = try load(offset, as: UInt64.self)
            offset &+= 64
        }
        // Cells are in the upper half, which may be another page of the processor's.
        _ = try load(PageFrame.pageSize &- 8, as: UInt64.self)
    }

    @inline(__always)
    func slot(_ index: Int, _ header: Header) throws(PageFormatError) -> Slot {
        Slot(word: try load(header.slots &+ index &* Layout.slotSize))
    }

    /// Compares bytes of the page with a key, as `compare` does, without a call for short ones.
    @inline(__always)
    func order(_ offset: Int, _ length: Int, _ key: Bytes) throws(PageFormatError) -> Int {
        let common = min(length, key.count)
        var position = 0
        while position <= common &- 8 {
            let own = try load(offset &+ position, as: UInt64.self).byteSwapped
            let other = UInt64(
                bigEndian: key.start.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            if own != other { return own < other ? -1 : 1 }
            position &+= 8
        }
        while position < common {
            let own = try load(offset &+ position, as: UInt8.self)
            let other = key.start.load(fromByteOffset: position, as: UInt8.self)
            if own != other { return own < other ? -1 : 1 }
            position &+= 1
        }
        return length &- key.count
    }

    /// Whether a key belongs to this node.
    @inline(__always)
    func contains(_ key: Bytes, _ header: Header) throws(PageFormatError) -> Bool {
        guard try order(Layout.fences, header.lowLength, key) <= 0 else {
            return false
        }
        if header.isEndless { return true }
        return try order(Layout.fences &+ header.lowLength, header.highLength, key) > 0
    }

    /// The first slot whose key is not below `key`, and whether it is `key`. O(log keys).
    @inline(__always)
    func find(_ key: Bytes, _ header: Header) throws(PageFormatError) -> (index: Int, isEqual: Bool)
    {
        let suffix = key.dropping(header.prefixLength)
        let head = suffix.head
        // The count was loaded once, so the search ends.
        var (low, high) = (0, header.count)
        while low < high {
            let middle = (low &+ high) &>> 1
            let slot = try slot(middle, header)
            if slot.head < head {
                low = middle &+ 1
            } else if slot.head > head {
                high = middle
            } else {
                let order = try order(slot.suffix, slot.suffixLength, suffix)
                if order == 0 { return (middle, true) }
                if order < 0 { low = middle &+ 1 } else { high = middle }
            }
        }
        return (low, false)
    }

    /// The child at `index`; the last one if that is the number of keys.
    @inline(__always)
    func child(_ index: Int, _ header: Header) throws(PageFormatError) -> UInt32 {
        index >= header.count
            ? try load(Layout.last) : try load(try slot(index, header).value)
    }

    /// The index of the child for `key`.
    @inline(__always)
    func childIndex(_ key: Bytes, _ header: Header) throws(PageFormatError) -> Int {
        let (index, isEqual) = try find(key, header)
        return isEqual ? index &+ 1 : index
    }

    /// A copy of the key at `index`.
    func key(_ index: Int, _ header: Header) throws(PageFormatError) -> [UInt8] {
        let slot = try slot(index, header)
        return try bytes(Layout.fences, header.prefixLength)
            + bytes(slot.suffix, slot.suffixLength)
    }

    func low(_ header: Header) throws(PageFormatError) -> [UInt8] {
        try bytes(Layout.fences, header.lowLength)
    }

    /// Nil if there is no limit.
    func high(_ header: Header) throws(PageFormatError) -> [UInt8]? {
        header.isEndless
            ? nil : try bytes(Layout.fences &+ header.lowLength, header.highLength)
    }
}
