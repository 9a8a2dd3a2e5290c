import Strata

/// What a leaf keeps of a long value: where it is, and how to find out that it is still there.
///
/// A chain of pages has the value. Each page knows its chain's number, which no other chain ever
/// has. So a reader that comes too late, after the value was replaced and its pages were given to
/// others, notices it and begins again.
struct OverflowReference {
    static let size = 16
    /// What one page holds.
    static let pageCapacity = PageFrame.pageSize - Layout.fences

    let first: UInt32
    let length: UInt32
    let chain: UInt64

    init(first: UInt32, length: UInt32, chain: UInt64) {
        self.first = first
        self.length = length
        self.chain = chain
    }

    init(_ bytes: Bytes) {
        first = bytes.load(0, as: UInt32.self)
        length = bytes.load(4, as: UInt32.self)
        chain = bytes.load(8, as: UInt64.self)
    }

    var bytes: [UInt8] {
        var result: [UInt8] = []
        withUnsafeBytes(of: first.littleEndian) { result += $0 }
        withUnsafeBytes(of: length.littleEndian) { result += $0 }
        withUnsafeBytes(of: chain.littleEndian) { result += $0 }
        return result
    }

    static func pageCount(_ length: Int) -> Int { (length + pageCapacity - 1) / pageCapacity }
}

extension NodeEditor {
    /// Makes a page of a chain.
    func formatOverflow(_ part: Bytes, next: UInt32, chain: UInt64) {
        clear()
        store(Kind.overflow.rawValue, at: Layout.kind)
        store(UInt16(part.count), at: Layout.count)
        store(next, at: Layout.last)
        store(chain, at: Layout.chain)
        (page + Layout.fences).copyMemory(from: part.start, byteCount: part.count)
    }

    /// Makes a page of the free list.
    func formatFree(next: UInt32) {
        clear()
        store(Kind.free.rawValue, at: Layout.kind)
        store(next, at: Layout.last)
    }
}

extension PageGlimpse {
    /// A part of a long value, and the next page; nil if this page is not of that chain any more.
    func overflowPart(_ chain: UInt64) throws(PageFormatError) -> (part: [UInt8], next: UInt32)? {
        guard try load(Layout.kind, as: UInt8.self) == Kind.overflow.rawValue,
            try load(Layout.chain) == chain
        else { return nil }
        let length = Int(try load(Layout.count, as: UInt16.self))
        return (try bytes(Layout.fences, length), try load(Layout.last))
    }
}

/// Block 0: what is known about the whole file.
struct MetaPage {
    static let block: UInt32 = 0
    private static let magic: UInt64 = 0x3130_6572_6F74_736B

    /// How many blocks have ever been used; those behind them are zeroes.
    var used: UInt32
    /// The first page of the free list; 0 if it is empty.
    var free: UInt32
    /// The number of the next chain.
    var nextChain: UInt64

    /// Of a new store, whose tree is one leaf.
    init() { (used, free, nextChain) = (Tree.root + 1, 0, 1) }

    /// Nil if the page is not a meta page.
    init?(_ node: NodeEditor) throws(PageFormatError) {
        guard try node.view.load(Layout.kind, as: UInt8.self) == Kind.meta.rawValue,
            try node.view.load(Layout.fences + 16) == Self.magic
        else { return nil }
        used = try node.view.load(Layout.fences)
        free = try node.view.load(Layout.fences + 4)
        nextChain = try node.view.load(Layout.fences + 8)
    }

    func write(to node: NodeEditor) {
        node.clear()
        node.store(Kind.meta.rawValue, at: Layout.kind)
        node.store(used, at: Layout.fences)
        node.store(free, at: Layout.fences + 4)
        node.store(nextChain, at: Layout.fences + 8)
        node.store(Self.magic, at: Layout.fences + 16)
    }

    /// How many bytes of the page an image has.
    static let length = 24
}
