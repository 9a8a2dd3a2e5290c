import Strata

/// The entries of a range, one after another, in either direction.
///
/// A scan copies one leaf at a time, as it is at one moment, and then continues at the leaf's
/// fence. So it holds nothing that others might wait for. It returns every entry that is there all
/// the time, and none twice; of those that come or go meanwhile it may see either.
public final class Scan: Sequence, IteratorProtocol {
    /// A key and its value.
    public struct Entry: Equatable, Sendable {
        public let key: [UInt8]
        public let value: [UInt8]
    }

    private let connection: Connection
    private let isBackward: Bool
    /// Where the next leaf begins, or ends for a backward scan; nil for the end of all keys.
    private var bound: [UInt8]?
    /// Where the scan ends.
    private let limit: [UInt8]?
    private let leaf = PageBuffer()
    private let key = PageBuffer()
    private var header: PageGlimpse.Header?
    private var index = 0
    private var isAtEnd = false
    private var failure: (any Error)?

    init(_ connection: Connection, from bound: [UInt8]?, to limit: [UInt8]?, isBackward: Bool) {
        self.connection = connection
        self.bound = bound
        self.limit = limit
        self.isBackward = isBackward
    }

    /// The next entry; nil at the end, or after an error, which ``error`` has then.
    public func next() -> Entry? {
        do { return try advance() } catch {
            failure = error
            return nil
        }
    }

    /// What ended the scan before its end.
    public var error: (any Error)? { failure }

    /// The next entry; nil at the end.
    public func advance() throws -> Entry? {
        try withNext { key, value in Entry(key: Array(key), value: Array(value)) }
    }

    /// Calls `body` with the next key and value, where they lie; nil at the end.
    public func withNext<Result>(
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result? {
        while true {
            if header == nil {
                if isAtEnd { return nil }
                try loadLeaf()
            }
            guard let header else { return nil }
            guard index >= 0, index < header.count else {
                try leaveLeaf(header)
                continue
            }
            let found = try copyKey(header)
            if let limit, limit.withUnsafeBytes({ isBeyond(Bytes(found), Bytes($0)) }) {
                isAtEnd = true
                self.header = nil
                return nil
            }
            let value = try leaf.node.value(index, header)
            index += isBackward ? -1 : 1
            if !value.isOverflow { return try body(found, value.bytes.buffer) }
            // A value that was replaced since the leaf was copied is looked up again.
            if let long = try connection.readChain(OverflowReference(value.bytes))
                ?? connection.get(Array(found))
            {
                return try long.withUnsafeBytes { try body(found, $0) }
            }
        }
    }

    private func isBeyond(_ key: Bytes, _ limit: Bytes) -> Bool {
        isBackward ? key < limit : !(key < limit)
    }

    /// Puts the key at the index together.
    private func copyKey(_ header: PageGlimpse.Header) throws -> UnsafeRawBufferPointer {
        let slot = try leaf.node.view.slot(index, header)
        let (prefix, length) = (header.prefixLength, slot.suffixLength)
        guard prefix + length <= PageFrame.pageSize, Layout.fences + prefix <= PageFrame.pageSize,
            slot.suffix + length <= PageFrame.pageSize
        else { throw KeyValueError.damaged("a key lies outside its page") }
        let (source, target) = (leaf.node.page, key.node.page)
        target.copyMemory(from: source + Layout.fences, byteCount: prefix)
        (target + prefix).copyMemory(from: source + slot.suffix, byteCount: length)
        return UnsafeRawBufferPointer(start: target, count: prefix + length)
    }

    private func leaveLeaf(_ header: PageGlimpse.Header) throws {
        if isBackward {
            let low = try leaf.node.view.low(header)
            bound = low
            isAtEnd = low.isEmpty
        } else {
            bound = try leaf.node.view.high(header)
            isAtEnd = bound == nil
        }
        self.header = nil
    }

    private func loadLeaf() throws {
        let isBackward = isBackward
        let start: [UInt8]? = bound ?? (isBackward ? nil : [])
        for _ in 0..<Tree.patience {
            guard try connection.copyLeaf(start, below: isBackward, to: leaf.node.page) else {
                continue
            }
            let header = try leaf.node.view.header()
            self.header = header
            guard let start else {
                index = header.count - 1
                return
            }
            let found = try start.withUnsafeBytes { try leaf.node.view.find(Bytes($0), header) }
            index = isBackward ? found.index - 1 : found.index
            return
        }
        throw KeyValueError.damaged("a scan finds no leaf")
    }
}

extension Connection {
    /// The entries from a key on, up to but not including another; nil means no limit.
    public func scan(from first: [UInt8]? = nil, to end: [UInt8]? = nil) -> Scan {
        Scan(self, from: first, to: end, isBackward: false)
    }

    /// The entries below a key, the greatest first, down to and including another; nil means no
    /// limit.
    public func scanBackward(below end: [UInt8]? = nil, downTo first: [UInt8]? = nil) -> Scan {
        Scan(self, from: end, to: first, isBackward: true)
    }

    /// Copies the leaf that has a key, or the keys just below it; nil stands for the end of all.
    ///
    /// - Returns: false if the tree changed on the way.
    func copyLeaf(_ bound: [UInt8]?, below: Bool, to target: UnsafeMutableRawPointer) throws -> Bool
    {
        var block = Tree.root
        for _ in 0..<Self.mostLevels {
            guard block < relation.blockCount else { return false }
            let step: Step = try (bound ?? []).withUnsafeBytes { bytes in
                let key = bound == nil ? nil : Bytes(bytes)
                return try relation.read(BlockNumber(block), session: session) { page in
                    try page.leafStep(key, below: below, target)
                }
            }
            switch step {
            case .child(let child, _): block = child
            case .value: return true
            default: return false
            }
        }
        return false
    }
}

extension PageGlimpse {
    /// One step of a scan's descent. A leaf that has what is looked for is copied.
    fileprivate func leafStep(_ key: Bytes?, below: Bool, _ target: UnsafeMutableRawPointer)
        throws(PageFormatError) -> Step
    {
        let header = try header()
        guard header.isNode else { return .elsewhere }
        if header.level > 0 {
            var index = header.count
            if let key { index = below ? try find(key, header).index : try childIndex(key, header) }
            return .child(try child(index, header), level: header.level - 1)
        }
        let isHere: Bool
        if let key {
            isHere = below ? try hasBelow(key, header) : try contains(key, header)
        } else {
            isHere = header.isEndless
        }
        guard isHere else { return .elsewhere }
        var span = _overrideLifetime(
            MutableRawSpan(_unsafeStart: target, byteCount: PageFrame.pageSize), borrowing: ())
        try copy(0, to: &span)
        return .value(PageFrame.pageSize)
    }

    /// Whether the keys just below a key belong to this node.
    private func hasBelow(_ key: Bytes, _ header: Header) throws(PageFormatError) -> Bool {
        guard try order(Layout.fences, header.lowLength, key) < 0 else { return false }
        if header.isEndless { return true }
        return try order(Layout.fences &+ header.lowLength, header.highLength, key) >= 0
    }
}

extension [UInt8] {
    /// Sorts like the bytes.
    static func < (left: [UInt8], right: [UInt8]) -> Bool {
        left.withUnsafeBytes { left in right.withUnsafeBytes { Bytes(left) < Bytes($0) } }
    }
}
