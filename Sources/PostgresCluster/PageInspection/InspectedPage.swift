public import PageFormat

/// What a page contains, part by part, in the order of its bytes.
public struct InspectedPage: Sendable {
    /// The block, counted across all segments.
    public let block: UInt32
    /// What the page is of: `a table`, `a B-tree index`, `a free space map` and so on.
    public let kind: String
    /// Whether its checksum and header are right.
    public let verification: PageVerification
    /// Its parts: header, line pointers, free space, items, special space. Together they cover all
    /// bytes but the padding of items, unless the page is damaged.
    public let parts: [InspectedPart]
    /// Its line pointers.
    public let linePointers: [InspectedLinePointer]
    /// The page's bytes.
    public let bytes: [UInt8]
}

/// A part of a page.
public struct InspectedPart: Sendable, Hashable {
    /// What a part is.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The page's header.
        case header
        /// The array of line pointers.
        case linePointers = "line pointers"
        /// Bytes between line pointers and items.
        case freeSpace = "free space"
        /// A tuple.
        case item
        /// Contents that are not in line pointers' items, such as an index's first page or a map.
        case contents
        /// The special space of an index or sequence.
        case special = "special space"
        /// Bytes that belong to nothing.
        case unused
    }

    /// What it is.
    public let kind: Kind
    /// Its bytes in the page.
    public let range: Range<Int>
    /// The line pointer of an item; nil for other parts.
    public let linePointer: UInt16?
    /// What the bytes mean, in order.
    public let fields: [InspectedField]
}

/// A field of a part.
public struct InspectedField: Sendable, Hashable {
    /// Its name, as PostgreSQL's sources have it.
    public let name: String
    /// Its value.
    public let value: InspectedValue

    init(_ name: String, _ value: InspectedValue) {
        self.name = name
        self.value = value
    }

    init(_ name: String, _ value: some BinaryInteger) {
        self.init(name, .number(Int64(clamping: value)))
    }

    init(_ name: String, _ text: String) { self.init(name, .text(text)) }
}

/// The value of a field.
public enum InspectedValue: Sendable, Hashable {
    /// A number.
    case number(Int64)
    /// Text, such as a position in the log or a value of a row.
    case text(String)
    /// The names of the bits that are set.
    case flags([String])
    /// Nothing, such as a null.
    case null
}

/// A line pointer.
public struct InspectedLinePointer: Sendable, Hashable {
    /// Its number, counted from one.
    public let number: UInt16
    /// Its state: `unused`, `normal`, `redirect` or `dead`.
    public let state: String
    /// The offset of its item; of a redirect, the number that it leads to.
    public let offset: Int
    /// The bytes of its item.
    public let length: Int
    /// What is wrong with it; nil for nothing.
    public let fault: String?
}
