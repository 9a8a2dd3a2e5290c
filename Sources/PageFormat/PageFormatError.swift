/// An error in the bytes of a page, or in forming a tuple. Names the position on the page; the
/// caller knows which page it is.
public enum PageFormatError: Error, Hashable, Sendable {
    /// The span is not one page long.
    case wrongPageSize(byteCount: Int)
    /// Bytes were asked for that the page does not have.
    case outsidePage(offset: Int, length: Int)
    /// The header contradicts itself in `field`.
    case badHeader(PageHeader.Field)
    /// The page has no line pointer of this number.
    case noSuchLinePointer(OffsetNumber, count: Int)
    /// A line pointer points where no item can lie.
    case badLinePointer(OffsetNumber, LinePointerFault)
    /// A tuple's header contradicts the tuple's length.
    case badTuple(OffsetNumber, TupleFault)
    /// An attribute cannot be decoded. Attributes count from 0.
    case badAttribute(OffsetNumber, attribute: Int, AttributeFault)
    /// A tuple has more bytes than a page can hold. There is no TOAST: make its values shorter.
    case tupleTooLarge(byteCount: Int, limit: Int)
    /// A tuple was finished with more or fewer values than its layout has attributes.
    case wrongAttributeCount(found: Int, expected: Int)
    /// A value was appended that has not its attribute's size in bytes; `expected` is nil if the
    /// attribute's values vary in length. Attributes count from 0.
    case wrongAttributeWidth(attribute: Int, found: Int, expected: Int?)
    /// A page has no room for its header and a special space of that many bytes.
    case badSpecialSize(Int, limit: Int)

    /// What is wrong with a line pointer.
    public enum LinePointerFault: Hashable, Sendable {
        /// The item does not start at a multiple of 8.
        case unalignedOffset(Int)
        /// The item would overlap the line pointers, free space or special space.
        case outsideItemSpace(offset: Int, length: Int)
        /// The item is shorter than a tuple header.
        case tooShort(length: Int)
        /// It redirects to a line pointer that does not exist or has no item.
        case badRedirect(to: Int)
        /// The item shares bytes with another.
        case overlap(offset: Int, length: Int)
    }

    /// What is wrong with a tuple's header.
    public enum TupleFault: Hashable, Sendable {
        /// The offset to the data is unaligned, inside header and bitmap, or behind the tuple.
        case badDataOffset(Int)
        /// More attributes than PostgreSQL allows.
        case tooManyAttributes(Int)
        /// More attributes than its relation has columns.
        case moreAttributes(Int, than: Int)
        /// The header says that values are stored out of line.
        case storedElsewhere
    }

    /// What is wrong with an attribute.
    public enum AttributeFault: Error, Hashable, Sendable {
        /// It would end beyond the tuple's end.
        case pastEnd(offset: Int, length: Int, tupleLength: Int)
        /// Its length word is shorter than itself.
        case badLength(Int)
        /// It is compressed in place; this module has no decompressor.
        case compressed
        /// It is a pointer to another table's rows (or to memory), with this tag.
        case external(tag: UInt8)
        /// It was requested as a type of another size.
        case wrongSize(found: Int, expected: Int)
        /// It was requested, but is null.
        case null
        /// The layout has no such attribute.
        case noSuchAttribute
    }
}

extension PageFormatError: CustomStringConvertible {
    /// Describes the error, its position and, if there is one, the remedy.
    public var description: String {
        switch self {
        case .wrongPageSize(let byteCount):
            "a page has \(PageLayout.size) bytes, not \(byteCount)"
        case .outsidePage(let offset, let length):
            "\(length) bytes at \(offset) are not all on a page of \(PageLayout.size) bytes"
        case .badHeader(let field):
            "the page header's \(field) is invalid"
        case .noSuchLinePointer(let number, let count):
            "there is no line pointer \(number): the page has \(count)"
        case .badLinePointer(let number, let fault):
            "line pointer \(number): \(fault)"
        case .badTuple(let number, let fault):
            "tuple at line pointer \(number): \(fault)"
        case .badAttribute(let number, let attribute, let fault):
            "attribute \(attribute) of the tuple at line pointer \(number): \(fault)"
        case .tupleTooLarge(let byteCount, let limit):
            "a tuple of \(byteCount) bytes fits on no page (at most \(limit)); shorten its values"
        case .wrongAttributeCount(let found, let expected):
            "the tuple has \(found) values where its layout has \(expected) attributes"
        case .wrongAttributeWidth(let attribute, let found, let expected):
            "attribute \(attribute) got a value of \(found) bytes where it takes "
                + (expected.map { "\($0) bytes" } ?? "a value of varying length, in a stored form")
        case .badSpecialSize(let size, let limit):
            "a page has no special space of \(size) bytes (0 to \(limit))"
        }
    }
}

extension PageFormatError.LinePointerFault: CustomStringConvertible {
    /// Describes the fault, without naming the line pointer.
    public var description: String {
        switch self {
        case .unalignedOffset(let offset):
            "the item's offset \(offset) is not a multiple of 8"
        case .outsideItemSpace(let offset, let length):
            "an item at \(offset) of \(length) bytes lies outside the page's item space"
        case .tooShort(let length):
            "an item of \(length) bytes is too short for a tuple"
        case .badRedirect(let number):
            "it redirects to line pointer \(number), which has no item"
        case .overlap(let offset, let length):
            "an item at \(offset) of \(length) bytes lies on another"
        }
    }
}

extension PageFormatError.TupleFault: CustomStringConvertible {
    /// What is wrong, without naming the tuple.
    public var description: String {
        switch self {
        case .badDataOffset(let offset): "its data cannot begin at \(offset)"
        case .tooManyAttributes(let count): "\(count) attributes are more than a tuple can have"
        case .moreAttributes(let count, let columns):
            "it has \(count) attributes where its relation has \(columns)"
        case .storedElsewhere: "it says that values are stored out of line"
        }
    }
}

extension PageFormatError.AttributeFault: CustomStringConvertible {
    /// Describes the fault, without naming the attribute.
    public var description: String {
        switch self {
        case .pastEnd(let offset, let length, let tupleLength):
            "\(length) bytes at \(offset) end beyond the tuple's \(tupleLength) bytes"
        case .badLength(let length):
            "a length word of \(length) is too small"
        case .compressed:
            "the value is compressed in place; rewrite the table with uncompressed storage"
        case .external(let tag):
            "the value is stored out of line (TOAST tag \(tag)), which cannot be followed from here"
        case .wrongSize(let found, let expected):
            "the value has \(found) bytes, not \(expected)"
        case .null:
            "the value is null"
        case .noSuchAttribute:
            "the layout has no such attribute"
        }
    }
}
