/// Which rows a partition accepts: `relpartbound`, a tree of nodes as text. Only what orders the
/// partitions is read. A bound that cannot be read sorts by the relation's number.
package struct PartitionBound: Sendable {
    /// Whether it accepts the rows that no other partition accepts.
    package private(set) var isDefault = false
    /// The modulus and remainder of a hash partition.
    private var modulus = 0
    private var remainder = 0
    /// The values of a list partition, or the lower bound of a range partition.
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

    /// Reads the tree. Takes time proportional to the text.
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
            // The upper bounds of ranges follow the lower ones, and are not needed.
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

    /// Reads a value's bytes: their count, then each in brackets.
    private static func value(_ words: ArraySlice<String>, _ type: Int) -> Value {
        let bytes = words.dropFirst(2).prefix { $0 != "]" }
            .compactMap { Int($0).map { UInt8(truncatingIfNeeded: $0) } }
        guard let count = words.first.flatMap({ Int($0) }), count >= 0, count <= bytes.count else {
            return .greatest
        }
        guard signedTypes.contains(type), count <= 8 else {
            // A text's bytes begin with a length word.
            return .bytes(Array(bytes.prefix(count).dropFirst(4)))
        }
        var number: UInt64 = 0
        for (place, byte) in bytes.prefix(count).enumerated() {
            number |= UInt64(byte) << UInt64(8 * place)
        }
        let shift = UInt64(64 - 8 * count)
        return .number(count == 0 ? 0 : Int64(bitPattern: number << shift) >> Int64(shift))
    }

    /// Whether a partition sorts before another one of the same table.
    package func isBefore(_ other: PartitionBound) -> Bool {
        if isDefault != other.isDefault { return other.isDefault }
        if modulus != other.modulus { return modulus < other.modulus }
        if remainder != other.remainder { return remainder < other.remainder }
        // A list sorts by its least value.
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
