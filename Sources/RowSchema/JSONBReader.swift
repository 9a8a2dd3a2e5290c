/// Walks through the bytes of a `jsonb`, in the order in which it is written as text.
///
/// A value is a tree of containers. Each has a word with the number of its elements, a word for
/// each element (for objects, for each key and then for each value), and their data. A word has a
/// type and a length, or instead of the length the end of the data. Mirrors PostgreSQL's
/// `JsonbContainer` and `JEntry`.
///
/// Open containers are kept in a list, not on the stack, so no depth overflows the stack.
package struct JSONBReader {
    /// What the reader meets.
    package enum Token {
        case beginObject, endObject, beginArray, endArray
        /// A key of an object; its bytes.
        case key(Range<Int>)
        case string(Range<Int>)
        /// The datum of a `numeric`, without its length.
        case number(Range<Int>)
        case boolean(Bool)
        case null

        /// Its text; empty if that depends on the bytes.
        package var literal: StaticString {
            switch self {
            case .beginObject: "{"
            case .endObject: "}"
            case .beginArray: "["
            case .endArray: "]"
            case .boolean(let value): value ? "true" : "false"
            case .null: "null"
            case .key, .string, .number: ""
            }
        }
    }

    /// What is wrong with the bytes, as the end of a sentence about the value.
    package struct Fault: Error {
        package let reason: String
    }

    private struct Container {
        let isObject: Bool
        /// Whether it only holds a value that is no container.
        let isScalar: Bool
        /// Members or elements.
        let count: Int
        /// The position of its first word.
        let entries: Int
        /// The beginning and the end of its data.
        let data: Int
        let end: Int
        /// The next member or element, and whether its key has been read.
        var index = 0
        var hasKey = false
        /// The positions of the next key and the next value in the data.
        var keyOffset = 0
        var valueOffset = 0
    }

    /// What stands in front of the last token in the text of the value.
    package private(set) var separator: StaticString = ""
    /// What stands in front of the next token, unless it ends a container.
    private var following: StaticString = ""
    private var open: [Container] = []
    private var hasBegun = false

    /// Begins a value.
    package init() {}

    /// The next token of `bytes`; nil at the end.
    package mutating func next(_ bytes: RawSpan) throws(Fault) -> Token? {
        guard let token = try take(bytes) else { return nil }
        separator = following
        following = ", "
        switch token {
        case .endObject, .endArray: separator = ""
        case .beginObject, .beginArray: following = ""
        case .key: following = ": "
        default: break
        }
        return token
    }

    private mutating func take(_ bytes: RawSpan) throws(Fault) -> Token? {
        if !hasBegun {
            hasBegun = true
            if let token = try begin(bytes, 0, bytes.byteCount) { return token }
            return try take(bytes)
        }
        guard let last = open.indices.last else { return nil }
        if open[last].index == open[last].count {
            let container = open.removeLast()
            if container.isScalar { return try take(bytes) }
            return container.isObject ? .endObject : .endArray
        }
        if open[last].isObject && !open[last].hasKey {
            open[last].hasKey = true
            let (type, range) = try Self.entry(
                bytes, open[last], open[last].index, &open[last].keyOffset)
            guard type == 0 else { throw Fault(reason: "a key of an object is no string") }
            return .key(range)
        }
        open[last].hasKey = false
        let container = open[last]
        let place = container.isObject ? container.count + container.index : container.index
        let (type, range) = try Self.entry(bytes, container, place, &open[last].valueOffset)
        open[last].index += 1
        return try value(bytes, type, range, container)
    }

    private mutating func value(
        _ bytes: RawSpan, _ type: UInt32, _ range: Range<Int>, _ container: Container
    ) throws(Fault) -> Token? {
        // Numbers and containers are aligned to four bytes.
        let start = (range.lowerBound + 3) & ~3
        switch type {
        case 0: return .string(range)
        case 1:
            let size = Int(try Self.word(bytes, start, range.upperBound) >> 2)
            guard size >= 6, start + size == range.upperBound else {
                throw Fault(reason: "a number has another length than its entry")
            }
            return .number(start + 4..<range.upperBound)
        case 2: return .boolean(false)
        case 3: return .boolean(true)
        case 4: return .null
        case 5:
            if let token = try begin(bytes, start, range.upperBound) { return token }
            throw Fault(reason: "a container within another is marked as a single value")
        default: throw Fault(reason: "an entry has the unknown type \(type)")
        }
    }

    /// Opens the container at `offset`. Nil if it only holds a value that is no container.
    private mutating func begin(
        _ bytes: RawSpan, _ offset: Int, _ end: Int
    ) throws(Fault) -> Token? {
        let header = try Self.word(bytes, offset, end)
        let count = Int(header & 0x0FFF_FFFF)
        let isScalar = header & 0x1000_0000 != 0
        let isObject = header & 0x2000_0000 != 0
        guard isObject != (header & 0x4000_0000 != 0), header & 0x8000_0000 == 0,
            !isScalar || !isObject && count == 1
        else { throw Fault(reason: "the header \(header) is not that of a container") }
        let entries = offset + 4
        let data = entries + 4 * count * (isObject ? 2 : 1)
        guard data <= end else { throw Fault(reason: "it ends within a container") }
        var container = Container(
            isObject: isObject, isScalar: isScalar, count: count, entries: entries, data: data,
            end: end)
        if isObject {
            // The data of the values follows that of the keys.
            var offset = 0
            for index in 0..<count { _ = try Self.entry(bytes, container, index, &offset) }
            container.valueOffset = offset
        }
        open.append(container)
        if isScalar { return nil }
        return isObject ? .beginObject : .beginArray
    }

    /// The type and the place of an entry. Moves `offset` past its data.
    private static func entry(
        _ bytes: RawSpan, _ container: Container, _ index: Int, _ offset: inout Int
    ) throws(Fault) -> (type: UInt32, range: Range<Int>) {
        let entry = try word(bytes, container.entries + 4 * index, container.data)
        let number = Int(entry & 0x0FFF_FFFF)
        let end = entry & 0x8000_0000 != 0 ? number : offset + number
        guard end >= offset, container.data + end <= container.end else {
            throw Fault(reason: "an entry lies beyond its container")
        }
        let range = container.data + offset..<container.data + end
        offset = end
        return (entry >> 28 & 7, range)
    }

    private static func word(
        _ bytes: RawSpan, _ offset: Int, _ end: Int
    ) throws(Fault) -> UInt32 {
        guard offset >= 0, offset + 4 <= min(end, bytes.byteCount) else {
            throw Fault(reason: "it ends within a word")
        }
        return UInt32(
            littleEndian: unsafe bytes.unsafeLoadUnaligned(
                fromByteOffset: offset, as: UInt32.self))
    }
}
