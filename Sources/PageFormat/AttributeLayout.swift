/// How one attribute of a tuple is stored: its length and alignment, which suffice to decode a
/// tuple. Mirrors `attlen` and `attalign` of PostgreSQL's `pg_attribute`.
public struct AttributeLayout: Hashable, Sendable {
    /// The alignment of an attribute's offset within its tuple.
    public enum Alignment: UInt8, Sendable {
        /// Any offset (`c`).
        case one = 1
        /// Even offsets (`s`).
        case two = 2
        /// Multiples of four (`i`).
        case four = 4
        /// Multiples of eight (`d`).
        case eight = 8
    }

    /// The length in bytes, or ``variableMark``.
    @usableFromInline
    let length: Int16

    /// The alignment in bytes.
    @usableFromInline
    let alignmentBytes: UInt8

    @inlinable
    static var variableMark: Int16 { -1 }

    @inlinable
    init(length: Int16, alignment: Alignment) {
        self.length = length
        alignmentBytes = alignment.rawValue
    }

    /// An attribute of `byteCount` bytes, 1 to 8160.
    @inlinable
    public static func fixed(_ byteCount: Int, alignment: Alignment) -> AttributeLayout {
        guard byteCount > 0 && byteCount <= PageLayout.maximumTupleSize else {
            fatalError("a fixed-length attribute has 1 to 8160 bytes, not \(byteCount)")
        }
        return AttributeLayout(length: Int16(byteCount), alignment: alignment)
    }

    /// An attribute with its length stored before its value (`varlena`: text, bytea, numeric …). A
    /// value of at most 126 bytes has a length byte and no alignment, a longer one an aligned
    /// length word.
    @inlinable
    public static func variable(alignment: Alignment = .four) -> AttributeLayout {
        AttributeLayout(length: variableMark, alignment: alignment)
    }

    /// `boolean`: one byte, 0 or 1.
    public static let boolean = fixed(1, alignment: .one)
    /// `smallint`.
    public static let int16 = fixed(2, alignment: .two)
    /// `integer`; also `date`, days since 2000-01-01.
    public static let int32 = fixed(4, alignment: .four)
    /// `bigint`; also `timestamp`, microseconds since 2000-01-01.
    public static let int64 = fixed(8, alignment: .eight)
    /// `real`.
    public static let float32 = fixed(4, alignment: .four)
    /// `double precision`.
    public static let float64 = fixed(8, alignment: .eight)
    /// `uuid`: 16 bytes, unaligned.
    public static let uuid = fixed(16, alignment: .one)

    /// The length in bytes; nil if it varies.
    @inlinable
    public var fixedByteCount: Int? { isVariable ? nil : Int(length) }

    /// Whether the length is stored before the value.
    @inlinable
    public var isVariable: Bool { length == Self.variableMark }

    /// The alignment in bytes.
    @inlinable
    public var alignment: Int { Int(alignmentBytes) }

    /// The most bytes behind a length byte. Longer values have a length word.
    @inlinable
    static var longestShortPayload: Int { 126 }
}
