/// Where the elements of an array are in its bytes.
///
/// Mirrors PostgreSQL's `ArrayType`, without the length word in front of it:
///
/// | bytes | |
/// |---|---|
/// | 4 | the number of dimensions, 0 to 6; 0 if there are no elements |
/// | 4 | where elements begin, counted from the length word; 0 if none is NULL |
/// | 4 | the object id of the elements' type |
/// | 4 each | the number of elements in each dimension |
/// | 4 each | the lower bound of each dimension |
/// | | if some are NULL: a bit for each element, set if it is not |
/// | | from the next multiple of eight on: the elements, each aligned |
package struct ArrayShape {
    /// What is wrong with the bytes, as the end of a sentence about the value.
    package struct Fault: Error {
        package let reason: String

        package init(reason: String) { self.reason = reason }
    }

    /// PostgreSQL's `MAXDIM`.
    package static let maximumDimensionCount = 6
    /// PostgreSQL's `MaxArraySize`.
    package static let maximumElementCount = 0x3FFF_FFFF / 8

    package private(set) var dimensionCount = 0
    /// The number of elements in each dimension.
    package private(set) var dimensions = InlineArray<6, Int>(repeating: 0)
    package private(set) var lowerBounds = InlineArray<6, Int>(repeating: 1)
    /// How many elements there are, NULL or not.
    package private(set) var elementCount = 0
    /// The object id of the elements' type.
    package private(set) var elementType: UInt32 = 0
    /// The position of the bits for NULL; nil if no element is.
    private var nulls: Int?
    /// The position of the first element.
    package private(set) var elements = 0

    /// Reads the header of an array, which is in `value` without its length word.
    package init(_ value: RawSpan) throws(Fault) {
        let count = Int(try Self.word(value, 0))
        let offset = Int(try Self.word(value, 4))
        elementType = UInt32(bitPattern: try Self.word(value, 8))
        guard (0...Self.maximumDimensionCount).contains(count) else {
            throw Fault(reason: "an array of \(count) dimensions")
        }
        dimensionCount = count
        elementCount = count == 0 ? 0 : 1
        for index in 0..<count {
            dimensions[index] = Int(try Self.word(value, 12 + 4 * index))
            lowerBounds[index] = Int(try Self.word(value, 12 + 4 * (count + index)))
            guard dimensions[index] >= 0 else {
                throw Fault(reason: "an array with \(dimensions[index]) elements in a dimension")
            }
            // Both are at most 31 bits long.
            elementCount *= dimensions[index]
            guard elementCount <= Self.maximumElementCount else {
                throw Fault(reason: "an array of too many elements")
            }
        }
        let header = 12 + 8 * count
        elements = header
        guard elementCount <= 8 * value.byteCount else {
            throw Fault(reason: "an array of \(elementCount) elements in \(value.byteCount) bytes")
        }
        if offset != 0 {
            nulls = header
            elements = offset - 4
            guard header + (elementCount + 7) / 8 <= elements, elements <= value.byteCount else {
                throw Fault(reason: "an array whose elements begin at \(offset)")
            }
        } else if elementCount > value.byteCount {
            // Each has a byte at least.
            throw Fault(reason: "an array of \(elementCount) elements in \(value.byteCount) bytes")
        }
    }

    /// What no array that PostgreSQL makes has in its header; nil if nothing.
    var boundsFault: String? {
        if dimensionCount > 0 && elementCount == 0 { return "a dimension has no elements" }
        for index in 0..<dimensionCount
        where lowerBounds[index] + dimensions[index] > Int(Int32.max) {
            return "the bounds of a dimension are out of range"
        }
        guard let nulls else { return nil }
        let end = nulls + (elementCount + 7) / 8 + 4
        return elements + 4 == (end + 7) & ~7 ? nil : "its elements do not follow its header"
    }

    /// Whether an element is NULL.
    package func isNull(_ index: Int, in value: RawSpan) -> Bool {
        guard let nulls else { return false }
        let bits = unsafe value.unsafeLoad(fromByteOffset: nulls + index / 8, as: UInt8.self)
        return bits >> UInt8(index % 8) & 1 == 0
    }

    /// The bytes of an element, without its length; nil if it is NULL.
    ///
    /// - Parameters:
    ///   - index: the element's position.
    ///   - type: its type.
    ///   - offset: where the element before it ends; afterwards, where it does itself.
    ///   - value: the array.
    package func element(
        _ index: Int, of type: ColumnType, from offset: inout Int, in value: RawSpan
    ) throws(Fault) -> Range<Int>? {
        if isNull(index, in: value) { return nil }
        var start = Self.aligned(offset, to: type.alignment)
        let end: Int
        if let length = type.storedLength {
            end = start + length
        } else {
            let word = UInt32(bitPattern: try Self.word(value, start))
            guard word & 3 == 0, word >= 16 else {
                throw Fault(reason: "element \(index + 1) has the length word \(word)")
            }
            end = start + Int(word >> 2)
            start += 4
        }
        guard end <= value.byteCount else {
            throw Fault(reason: "it ends within element \(index + 1)")
        }
        offset = end
        return start..<end
    }

    /// The next offset that is aligned, counted from the length word.
    package static func aligned(_ offset: Int, to alignment: Int) -> Int {
        (offset + 4 + alignment - 1) & ~(alignment - 1) - 4
    }

    /// How many braces open in front of an element.
    package func openingCount(_ index: Int) -> Int { borderCount(index) }

    /// How many braces close behind an element.
    package func closingCount(_ index: Int) -> Int { borderCount(index + 1) }

    /// In how many dimensions a run of elements begins at `index`.
    private func borderCount(_ index: Int) -> Int {
        var size = 1
        var count = 0
        for dimension in stride(from: dimensionCount - 1, through: 0, by: -1) {
            size *= dimensions[dimension]
            if index % size != 0 { break }
            count += 1
        }
        return count
    }

    private static func word(_ value: RawSpan, _ offset: Int) throws(Fault) -> Int32 {
        guard offset >= 0, offset + 4 <= value.byteCount else {
            throw Fault(reason: "it ends too early")
        }
        return Int32(
            littleEndian: unsafe value.unsafeLoadUnaligned(
                fromByteOffset: offset, as: Int32.self))
    }
}
