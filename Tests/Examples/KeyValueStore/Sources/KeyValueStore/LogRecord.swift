import Strata

/// A record of the log: one change of the store, of one page or several, that happens as a whole.
///
///     0    length of the record, a multiple of 8      u32
///     4    life of the store that wrote it            u32
///     8    position of the record in the log          u64
///     16   check of everything else                   u64
///     24   actions: op, 0, length, block (1, 1, 2, 4 bytes), then that many bytes
///
/// The position tells a record from an older one in a file that is used again. The life tells it
/// from one that was written behind the end of the log before a crash: lives only grow.
///
/// A record has at most one action for a page, since the page has one position only.
///
/// A change is made by building its record, adding it to the log, and applying its actions to the
/// pages, as recovery does. So what recovery does is tested by every change.
final class LogRecord {
    static let headerSize = 24

    enum Op: UInt8 {
        /// Puts an entry into a leaf: key length, flag, key, value.
        case put = 1
        /// Removes an entry from a leaf: the key.
        case remove = 2
        /// Sets a page's contents: where the lower part ends, where the upper begins, both.
        case image = 3
        /// Keeps a node's lower entries: index, separator.
        case truncate = 4
        /// Adds a child to an inner node: the child, separator.
        case addChild = 5
        /// Joins two children of an inner node: separator.
        case joinChildren = 6
        /// Puts a page on the free list: the next page there.
        case free = 7
    }

    private(set) var memory: UnsafeMutableRawPointer
    private var capacity = 16 << 10
    private(set) var count = headerSize

    init() { memory = .allocate(byteCount: capacity, alignment: 16) }

    deinit { memory.deallocate() }

    /// Empties it, for the next change.
    func begin() { count = Self.headerSize }

    private func reserve(_ length: Int) {
        let needed = count + length + 8
        if needed <= capacity { return }
        let larger = max(needed, 2 * capacity)
        let new = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        new.copyMemory(from: memory, byteCount: count)
        memory.deallocate()
        (memory, capacity) = (new, larger)
    }

    private func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        memory.storeBytes(of: value.littleEndian, toByteOffset: count, as: Value.self)
        count += MemoryLayout<Value>.size
    }

    private func store(_ bytes: Bytes) {
        (memory + count).copyMemory(from: bytes.start, byteCount: bytes.count)
        count += bytes.count
    }

    private func begin(_ op: Op, _ block: UInt32, length: Int) {
        reserve(length + 8)
        store(op.rawValue)
        store(UInt8(0))
        store(UInt16(length))
        store(block)
    }

    func put(_ block: UInt32, _ key: Bytes, _ value: StoredValue) {
        begin(.put, block, length: 4 + key.count + value.bytes.count)
        store(UInt16(key.count))
        store(UInt16(value.isOverflow ? 1 : 0))
        store(key)
        store(value.bytes)
    }

    func remove(_ block: UInt32, _ key: Bytes) {
        begin(.remove, block, length: key.count)
        store(key)
    }

    /// The bytes of a page below `lower` and from `upper` on.
    func image(_ block: UInt32, _ node: NodeEditor, lower: Int, upper: Int = PageFrame.pageSize) {
        begin(.image, block, length: 4 + lower - PageFrame.size + PageFrame.pageSize - upper)
        store(UInt16(lower))
        store(UInt16(upper))
        store(Bytes(start: node.page + PageFrame.size, count: lower - PageFrame.size))
        store(Bytes(start: node.page + upper, count: PageFrame.pageSize - upper))
    }

    /// A whole node.
    func image(_ block: UInt32, node: NodeEditor) throws(PageFormatError) {
        let header = try node.view.header()
        image(
            block, node, lower: header.slots + header.count * Layout.slotSize,
            upper: header.heapStart)
    }

    func meta(_ meta: MetaPage) {
        let buffer = PageBuffer()
        meta.write(to: buffer.node)
        image(MetaPage.block, buffer.node, lower: Layout.fences + MetaPage.length)
    }

    func truncate(_ block: UInt32, from index: Int, _ separator: Bytes) {
        begin(.truncate, block, length: 2 + separator.count)
        store(UInt16(index))
        store(separator)
    }

    func addChild(_ block: UInt32, _ separator: Bytes, right: UInt32) {
        begin(.addChild, block, length: 4 + separator.count)
        store(right)
        store(separator)
    }

    func joinChildren(_ block: UInt32, _ separator: Bytes) {
        begin(.joinChildren, block, length: separator.count)
        store(separator)
    }

    func free(_ block: UInt32, next: UInt32) {
        begin(.free, block, length: 4)
        store(next)
    }

    // MARK: The record as a whole

    /// Ends the actions.
    ///
    /// - Returns: a sum over them for ``seal(at:life:)``, so that nothing long is done while others
    ///   wait for the log.
    func end() -> UInt64 {
        while count % 8 != 0 { store(UInt8(0)) }
        return Self.sum(memory + Self.headerSize, count - Self.headerSize)
    }

    /// The header of the record, at a position of the log.
    static func header(length: Int, life: UInt32, at position: UInt64, sum: UInt64)
        -> (UInt64, UInt64, UInt64)
    {
        let first = UInt64(length) | UInt64(life) << 32
        return (first, position, mix(mix(sum ^ first) ^ position))
    }

    /// A sum that any change of the bytes changes, but for one in 2⁶⁴. `count` is a multiple of 8.
    static func sum(_ start: UnsafeRawPointer, _ count: Int) -> UInt64 {
        var sum: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(count)
        for offset in stride(from: 0, to: count, by: 8) {
            let word = UInt64(
                littleEndian: start.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            sum = (sum ^ word) &* 0xFF51_AFD7_ED55_8CCD
            sum ^= sum >> 32
        }
        return sum
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var value = value &* 0xC4CE_B9FE_1A85_EC53
        value ^= value >> 29
        return value &* 0x9FB2_1C65_1E98_DF25
    }

    /// The actions of the record.
    var actions: LogActions {
        LogActions(Bytes(start: memory + Self.headerSize, count: count - Self.headerSize))
    }
}
