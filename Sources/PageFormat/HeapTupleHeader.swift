/// The fixed part of a heap tuple's header, as a value. Mirrors `HeapTupleHeaderData`. The module's
/// article has a table of the bytes.
public struct HeapTupleHeader: Hashable, Sendable {
    /// The transaction that inserted the tuple.
    public var xmin: UInt32
    /// The transaction that deleted or locked the tuple; 0 if none did.
    public var xmax: UInt32
    /// Command id, or an old VACUUM's transaction.
    public var field3: UInt32
    /// Block of this tuple's newest version.
    public var block: UInt32
    /// Line pointer of this tuple's newest version.
    public var number: OffsetNumber
    /// Attribute count and update flags; see ``attributeCount``.
    public var infomask2: UInt16
    /// The tuple's contents and the outcome of its transactions.
    public var flags: Flags
    /// Bytes from the tuple's beginning to its data.
    public var dataOffset: UInt8

    /// The bits of `t_infomask`.
    public struct Flags: OptionSet, Hashable, Sendable {
        /// The bits as they lie in the tuple.
        public var rawValue: UInt16

        /// Makes flags from the bits as they lie in the tuple.
        @inlinable
        public init(rawValue: UInt16) {
            self.rawValue = rawValue
        }

        /// An attribute is null, so there is a bitmap (`HEAP_HASNULL`).
        @inlinable public static var hasNulls: Flags { Flags(rawValue: 0x0001) }
        /// An attribute has variable length (`HEAP_HASVARWIDTH`).
        @inlinable public static var hasVariableWidth: Flags { Flags(rawValue: 0x0002) }
        /// An attribute is stored out of line (`HEAP_HASEXTERNAL`).
        @inlinable public static var hasExternal: Flags { Flags(rawValue: 0x0004) }
        /// The inserting transaction committed (`HEAP_XMIN_COMMITTED`).
        @inlinable public static var xminCommitted: Flags { Flags(rawValue: 0x0100) }
        /// The inserting transaction aborted (`HEAP_XMIN_INVALID`).
        @inlinable public static var xminInvalid: Flags { Flags(rawValue: 0x0200) }
        /// Visible to everyone for ever (`HEAP_XMIN_FROZEN`): both of the above.
        @inlinable public static var xminFrozen: Flags { [.xminCommitted, .xminInvalid] }
        /// The deleting transaction committed (`HEAP_XMAX_COMMITTED`).
        @inlinable public static var xmaxCommitted: Flags { Flags(rawValue: 0x0400) }
        /// No transaction deleted the tuple (`HEAP_XMAX_INVALID`).
        @inlinable public static var xmaxInvalid: Flags { Flags(rawValue: 0x0800) }
        /// The tuple is a newer version of another (`HEAP_UPDATED`).
        @inlinable public static var isUpdate: Flags { Flags(rawValue: 0x2000) }
    }

    /// The transaction id that counts as older than every other (`FrozenTransactionId`).
    @inlinable public static var frozenTransaction: UInt32 { 2 }

    /// The number of attributes stored; a table's later columns may be missing.
    @inlinable
    public var attributeCount: Int { Int(infomask2 & Self.attributeCountMask) }

    /// The bits of `infomask2` that count attributes (`HEAP_NATTS_MASK`).
    @inlinable
    static var attributeCountMask: UInt16 { 0x07FF }

    /// The offset of a tuple's data: behind header and null bitmap, aligned.
    @inlinable
    static func dataOffset(attributes: Int, hasNulls: Bool) -> Int {
        let bitmap = hasNulls ? (attributes &+ 7) / 8 : 0
        return PageLayout.align(PageLayout.tupleHeaderSize &+ bitmap)
    }

    /// Offsets of the fields in the tuple.
    @usableFromInline
    enum Offset {
        @inlinable static var xmin: Int { 0 }
        @inlinable static var xmax: Int { 4 }
        @inlinable static var field3: Int { 8 }
        @inlinable static var blockHigh: Int { 12 }
        @inlinable static var blockLow: Int { 14 }
        @inlinable static var number: Int { 16 }
        @inlinable static var infomask2: Int { 18 }
        @inlinable static var flags: Int { 20 }
        @inlinable static var dataOffset: Int { 22 }
        @inlinable static var bitmap: Int { 23 }
    }

    /// Reads a header from the first 23 bytes; nil if there are fewer.
    @inlinable
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= PageLayout.tupleHeaderSize else { return nil }
        xmin = bytes.uint32(at: Offset.xmin)
        xmax = bytes.uint32(at: Offset.xmax)
        field3 = bytes.uint32(at: Offset.field3)
        block =
            UInt32(bytes.uint16(at: Offset.blockHigh)) << 16
            | UInt32(bytes.uint16(at: Offset.blockLow))
        number = bytes.uint16(at: Offset.number)
        infomask2 = bytes.uint16(at: Offset.infomask2)
        flags = Flags(rawValue: bytes.uint16(at: Offset.flags))
        dataOffset = bytes.uint8(at: Offset.dataOffset)
    }

    /// Makes the header of a tuple that is visible to everyone for ever, as COPY FREEZE leaves one.
    /// Placing the tuple fills in its position.
    @inlinable
    init(frozenWithAttributes count: Int, content: Flags) {
        xmin = Self.frozenTransaction
        xmax = 0
        field3 = 0
        block = 0
        number = 0
        infomask2 = UInt16(truncatingIfNeeded: count) & Self.attributeCountMask
        flags = content.union(.xminFrozen).union(.xmaxInvalid)
        let offset = Self.dataOffset(
            attributes: count, hasNulls: content.contains(.hasNulls))
        dataOffset = UInt8(truncatingIfNeeded: offset)
    }

    /// Writes the header over the first 23 bytes. If there are fewer, writes nothing and returns
    /// false.
    @inlinable
    @discardableResult
    public func write(to bytes: inout MutableRawSpan) -> Bool {
        guard bytes.byteCount >= PageLayout.tupleHeaderSize else { return false }
        bytes.store(xmin, at: Offset.xmin)
        bytes.store(xmax, at: Offset.xmax)
        bytes.store(field3, at: Offset.field3)
        bytes.store(UInt16(truncatingIfNeeded: block >> 16), at: Offset.blockHigh)
        bytes.store(UInt16(truncatingIfNeeded: block), at: Offset.blockLow)
        bytes.store(number, at: Offset.number)
        bytes.store(infomask2, at: Offset.infomask2)
        bytes.store(flags.rawValue, at: Offset.flags)
        bytes.store(dataOffset, at: Offset.dataOffset)
        return true
    }
}
