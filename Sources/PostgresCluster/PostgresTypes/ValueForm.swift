/// How values of a type are written as text. Made once per column, from the catalogs.
public indirect enum ValueForm: Sendable {
    case boolean, smallint, integer, bigint, real, double, numeric, money
    /// Text that is its own text form: text, varchar, char(n), json, citext and the like.
    case text
    /// `name`: text that ends with a zero byte.
    case name
    /// `"char"`.
    case character
    case bytea, bits, uuid, inet, cidr, macaddr, macaddr8
    case date, time, timeTZ, timestamp, timestampTZ, interval
    /// `interval` before PostgreSQL 17, where none is infinite.
    case finiteInterval
    case xml, jsonb, jsonpath
    case point, segment, line, box, path, polygon, circle
    case searchVector, searchQuery
    /// `oid`, `xid`, `cid`: unsigned 32 bits.
    case unsigned
    /// `xid8`: unsigned 64 bits.
    case unsignedLong
    case rowID, logPosition, snapshot, rights, smallintVector, oidVector
    /// A number that is printed as an object's name.
    case object(ObjectKind)
    case hstore, tree, treeQuery, treeTextQuery
    case enumeration(EnumerationForm)
    case array(ElementForm)
    /// An array that names its element type itself, as the server's statistics do (`anyarray`).
    case anyArray(AnyArrayForm)
    case composite(CompositeForm)
    case range(ElementForm)
    case multirange(ElementForm)
    /// The stored bytes in hexadecimal, as `bytea` writes them.
    case hexadecimal
    /// The named type has no text form; writing it throws.
    case unsupported(String)
}

extension ValueForm {
    /// Whether values contain object numbers, so that names are needed.
    package var namesObjects: Bool {
        switch self {
        case .object, .rights: true
        default: false
        }
    }
}

/// The labels of an enumerated type, in the database's encoding, by their stored numbers.
public final class EnumerationForm: Sendable {
    let name: String
    let labels: [UInt32: [UInt8]]

    /// Makes the form of the named type.
    public init(name: String, labels: [UInt32: [UInt8]]) {
        self.name = name
        self.labels = labels
    }
}

/// The type of elements or bounds.
public final class ElementForm: Sendable {
    /// How an element is written.
    public let form: ValueForm
    /// How elements are laid out.
    public let layout: ValueLayout
    /// The delimiter between elements of an array: a comma, except for `box`.
    let delimiter: UInt8

    /// Makes the form of elements.
    public init(_ form: ValueForm, layout: ValueLayout, delimiter: UInt8 = UInt8(ascii: ",")) {
        self.form = form
        self.layout = layout
        self.delimiter = delimiter
    }
}

/// The possible element types of an `anyarray`, by their numbers.
public final class AnyArrayForm: Sendable {
    let elements: [UInt32: ElementForm]

    /// Makes the form of arrays of these types.
    public init(_ elements: [UInt32: ElementForm]) { self.elements = elements }
}

/// The attributes of a row type, including dropped ones.
public final class CompositeForm: Sendable {
    /// An attribute.
    public struct Attribute: Sendable {
        /// How its values are written; nil for a dropped attribute, which is skipped.
        public let form: ValueForm?
        /// How they are laid out.
        public let layout: ValueLayout

        /// Makes an attribute.
        public init(_ form: ValueForm?, layout: ValueLayout) {
            self.form = form
            self.layout = layout
        }
    }

    let attributes: [Attribute]

    /// Makes the form of a row type with these attributes.
    public init(_ attributes: [Attribute]) { self.attributes = attributes }
}
