import Strata

/// The actions of a record, one after another.
struct LogActions: Sequence, IteratorProtocol {
    private var rest: Bytes

    init(_ bytes: Bytes) { rest = bytes }

    mutating func next() -> LogAction? {
        // What is left in the end is padding.
        guard rest.count >= 8, let op = LogRecord.Op(rawValue: rest.load(0, as: UInt8.self)) else {
            return nil
        }
        let length = Int(rest.load(2, as: UInt16.self))
        let block = rest.load(4, as: UInt32.self)
        guard rest.count >= 8 + length else { return nil }
        let content = Bytes(start: rest.start + 8, count: length)
        rest = rest.dropping(8 + length)
        return LogAction(op: op, block: block, content: content)
    }
}

/// What a record does to one page.
struct LogAction {
    let op: LogRecord.Op
    let block: UInt32
    private let content: Bytes

    init(op: LogRecord.Op, block: UInt32, content: Bytes) {
        self.op = op
        self.block = block
        self.content = content
    }

    /// Whether it needs nothing of what the page was before.
    var isWhole: Bool { op == .image || op == .free }

    /// Does it. The page must be as it was when the record was made.
    func apply(to node: NodeEditor) throws(PageFormatError) {
        switch op {
        case .put:
            let length = Int(content.load(0, as: UInt16.self))
            let value = StoredValue(
                isOverflow: content.load(2, as: UInt16.self) == 1,
                bytes: content.dropping(4 + length))
            try node.put(content.dropping(4).prefix(length), value)
        case .remove:
            try node.remove(content)
        case .image:
            let lower = Int(content.load(0, as: UInt16.self))
            let upper = Int(content.load(2, as: UInt16.self))
            let lowerLength = lower - PageFrame.size
            guard lowerLength >= 0, upper >= lower, upper <= PageFrame.pageSize,
                content.count == 4 + lowerLength + PageFrame.pageSize - upper
            else { throw .outsidePage(offset: lower, length: upper) }
            node.clear()
            let bytes = content.dropping(4)
            (node.page + PageFrame.size).copyMemory(from: bytes.start, byteCount: lowerLength)
            (node.page + upper).copyMemory(
                from: bytes.start + lowerLength, byteCount: PageFrame.pageSize - upper)
        case .truncate:
            try node.truncate(
                from: Int(content.load(0, as: UInt16.self)), content.dropping(2))
        case .addChild:
            try node.addChild(content.dropping(4), right: content.load(0, as: UInt32.self))
        case .joinChildren:
            try node.joinChildren(content)
        case .free:
            node.formatFree(next: content.load(0, as: UInt32.self))
        }
    }
}
