import Strata

/// Checks the whole tree, while nothing changes it: each level covers all keys without a gap, keys
/// ascend, long values are whole, and each page has exactly one use.
struct TreeCheck {
    private let connection: Connection
    private var blocks: Set<UInt32> = []
    /// How many entries there are.
    private(set) var entries = 0

    init(_ connection: Connection) { self.connection = connection }

    mutating func run() throws {
        let meta = try copy(MetaPage.block)
        guard let meta = try MetaPage(meta.node) else {
            throw KeyValueError.damaged("block 0 is no meta page")
        }
        try take(MetaPage.block)
        let root = try copy(Tree.root)
        try walk(Tree.root, level: try root.node.view.header().level, low: [], high: nil)
        var free = meta.free
        while free != 0 {
            try take(free)
            let page = try copy(free)
            try expect(
                try page.node.view.load(Layout.kind) == Kind.free.rawValue, free, "is not free")
            free = try page.node.view.load(Layout.last)
        }
        guard blocks.count == Int(meta.used) else {
            throw KeyValueError.damaged("\(blocks.count) of \(meta.used) blocks have a use")
        }
    }

    private func copy(_ block: UInt32) throws -> PageBuffer {
        let buffer = PageBuffer()
        let page = try connection.pin(block)
        page.page.withSharedLock { bytes in
            bytes.withUnsafeBytes {
                buffer.node.page.copyMemory(from: $0.baseAddress!, byteCount: $0.count)
            }
        }
        return buffer
    }

    private mutating func take(_ block: UInt32) throws {
        try expect(blocks.insert(block).inserted, block, "has two uses")
    }

    private func expect(_ holds: Bool, _ block: UInt32, _ problem: String) throws {
        if !holds { throw KeyValueError.damaged("block \(block) \(problem)") }
    }

    private mutating func walk(_ block: UInt32, level: Int, low: [UInt8], high: [UInt8]?) throws {
        try take(block)
        let node = try copy(block)
        let view = node.node.view
        let header = try view.header()
        try expect(header.isNode && header.level == level, block, "is no node of level \(level)")
        try expect(try view.low(header) == low, block, "does not begin where it should")
        try expect(try view.high(header) == high, block, "does not end where it should")
        var keys: [[UInt8]] = []
        for index in 0..<header.count { keys.append(try view.key(index, header)) }
        for (index, key) in keys.enumerated() {
            try expect(index == 0 || keys[index - 1] < key, block, "has keys out of order")
            let isInside = !(key < low) && (high.map { key < $0 } ?? true)
            try expect(isInside, block, "has a key outside its fences")
        }
        if level == 0 {
            entries += keys.count
            for index in 0..<keys.count {
                let value = try node.node.value(index, header)
                if value.isOverflow { try walkChain(OverflowReference(value.bytes)) }
            }
            return
        }
        for index in 0...keys.count {
            try walk(
                try view.child(index, header), level: level - 1,
                low: index == 0 ? low : keys[index - 1],
                high: index == keys.count ? high : keys[index])
        }
    }

    private mutating func walkChain(_ reference: OverflowReference) throws {
        var (block, length) = (reference.first, 0)
        while length < Int(reference.length) {
            try take(block)
            let page = try copy(block)
            guard let (part, next) = try page.node.view.overflowPart(reference.chain) else {
                throw KeyValueError.damaged("block \(block) is not of its chain")
            }
            (block, length) = (next, length + part.count)
        }
    }
}

extension Connection {
    /// Checks the whole tree. Nothing may change it meanwhile.
    ///
    /// - Returns: how many entries there are.
    /// - Throws: `KeyValueError.damaged`, which says what is wrong.
    public func checkTree() throws -> Int {
        var check = TreeCheck(self)
        try check.run()
        return check.entries
    }
}
