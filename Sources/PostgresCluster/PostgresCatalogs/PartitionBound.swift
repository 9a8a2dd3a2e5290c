/// Which rows a partition takes: `relpartbound`, a tree of nodes as text, of which the order among
/// partitions is read. What cannot be read has no place of its own and comes by its number.
package struct PartitionBound: Sendable {
    /// Whether it takes the rows that no other takes.
    package private(set) var isDefault = false
    /// Of a hash partition, the divisor and the rest.
    private var modulus = 0
    private var remainder = 0
    /// Of a list its values, of a range its lower bound.
    private var values: [Value] = []

    /// A value of a bound.
    private enum Value: Sendable {
        case least
        case number(Int64)
        case bytes([UInt8])
        case null
        case greatest
    }

    /// Types whose values are compared as signed numbers: integers, dates, times, timestamps.
    private static let signedTypes: Set<Int> = [20, 21, 23, 1082, 1083, 1114, 1184]

    /// Reads the tree. O(text).
    package init(_ tree: [UInt8]) {
        let words = tree.split {
            $0 == 32 || $0 == 10 || $0 == 40 || $0 == 41 || $0 == 123 || $0 == 125
        }
        .map { String(decoding: $0, as: UTF8.self) }
        var index = 0
        var type = 0
        var isNull = false
        while index < words.count {
            let next = index + 1 < words.count ? words[index + 1] : ""
            switch words[index] {
            case ":is_default": isDefault = next == "true"
            case ":modulus": modulus = Int(next) ?? 0
            case ":remainder": remainder = Int(next) ?? 0
            // The upper bounds of ranges come after their lower ones, and need not be known.
            case ":upperdatums": return
            case ":kind":
                if next == "-1" { values.append(.least) }
                if next == "1" { values.append(.greatest) }
            case ":consttype": type = Int(next) ?? 0
            case ":constisnull": isNull = next == "true"
            case ":constvalue":
                values.append(isNull ? .null : Self.value(words[(index + 1)...], type))
            default: break
            }
            index += 1
        }
    }

    /// A value's bytes: their count, then each in brackets.
    private static func value(_ words: ArraySlice<String>, _ type: Int) -> Value {
        let bytes = words.dropFirst(2).prefix { $0 != "]" }
            .compactMap { Int($0).map { UInt8(truncatingIfNeeded: $0) } }
        guard let count = words.first.flatMap({ Int($0) }), count >= 0, count <= bytes.count else {
            return .greatest
        }
        guard signedTypes.contains(type), count <= 8 else {
            // A length stands before the bytes of a text.
            return .bytes(Array(bytes.prefix(count).dropFirst(4)))
        }
        var number: UInt64 = 0
        for (place, byte) in bytes.prefix(count).enumerated() {
            number |= UInt64(byte) << UInt64(8 * place)
        }
        let shift = UInt64(64 - 8 * count)
        return .number(count == 0 ? 0 : Int64(bitPattern: number << shift) >> Int64(shift))
    }

    /// Whether a partition comes before another of the same table.
    package func isBefore(_ other: PartitionBound) -> Bool {
        if isDefault != other.isDefault { return other.isDefault }
        if modulus != other.modulus { return modulus < other.modulus }
        if remainder != other.remainder { return remainder < other.remainder }
        // Of a list the least value counts.
        for (mine, its) in zip(values, other.values) {
            if Self.isLess(mine, its) { return true }
            if Self.isLess(its, mine) { return false }
        }
        return values.count < other.values.count
    }

    private static func isLess(_ first: Value, _ second: Value) -> Bool {
        switch (first, second) {
        case (.number(let first), .number(let second)): first < second
        case (.bytes(let first), .bytes(let second)): first.lexicographicallyPrecedes(second)
        default: rank(first) < rank(second)
        }
    }

    private static func rank(_ value: Value) -> Int {
        switch value {
        case .least: 0
        case .number, .bytes: 1
        case .greatest: 2
        case .null: 3
        }
    }
}
