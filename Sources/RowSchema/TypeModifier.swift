/// What stands in parentheses behind a type's name. Mirrors PostgreSQL's type modifiers
/// (`pg_attribute.atttypmod`). That of an array is that of its elements.
public enum TypeModifier: Sendable, Hashable {
    /// The characters of a `varchar(n)` or `char(n)`: at most, or exactly, that many.
    case length(Int)
    /// All digits of a `numeric(p,s)`, and those behind the point; negative for zeros before it.
    case precision(Int, scale: Int)
    /// The digits of seconds behind the point of a `time(p)`, `timestamp(p)`, `timestamptz(p)` or
    /// `interval(p)`.
    case fractionDigits(Int)
}

extension TypeModifier {
    /// PostgreSQL's `MaxAttrSize`.
    private static let maximumLength = 10_485_760
    /// PostgreSQL's `NUMERIC_MAX_PRECISION`.
    private static let maximumPrecision = 1000

    /// Makes a type's modifier of the numbers in parentheses; nil if the type has no such one.
    public init?(_ numbers: [Int], of type: ColumnType) {
        switch (type.element ?? type, numbers.count) {
        case (.varchar, 1), (.char, 1): self = .length(numbers[0])
        case (.numeric, 1): self = .precision(numbers[0], scale: 0)
        case (.numeric, 2): self = .precision(numbers[0], scale: numbers[1])
        case (.time, 1), (.timestamp, 1), (.timestampTZ, 1), (.interval, 1):
            self = .fractionDigits(numbers[0])
        default: return nil
        }
        if !isValid(for: type) { return nil }
    }

    /// Whether a type can have the modifier.
    public func isValid(for type: ColumnType) -> Bool {
        switch (self, type.element ?? type) {
        case (.length(let count), .varchar), (.length(let count), .char):
            (1...Self.maximumLength).contains(count)
        case (.precision(let digits, let scale), .numeric):
            (1...Self.maximumPrecision).contains(digits)
                && (-Self.maximumPrecision...Self.maximumPrecision).contains(scale)
        case (.fractionDigits(let count), .time), (.fractionDigits(let count), .timestamp),
            (.fractionDigits(let count), .timestampTZ), (.fractionDigits(let count), .interval):
            (0...6).contains(count)
        default: false
        }
    }

    /// The number that PostgreSQL stores in `atttypmod` of a type. The modifier must be valid for
    /// it.
    public func storedNumber(of type: ColumnType) -> Int32 {
        // Numbers of varlenas include the size of their length word.
        switch self {
        case .length(let count): Int32(truncatingIfNeeded: count + 4)
        case .precision(let digits, let scale):
            Int32(truncatingIfNeeded: (digits << 16 | scale & 0x7FF) + 4)
        case .fractionDigits(let count):
            // All fields of an interval are allowed.
            Int32(
                truncatingIfNeeded: (type.element ?? type) == .interval
                    ? 0x7FFF << 16 | count : count)
        }
    }

    /// Reads the number in PostgreSQL's `atttypmod` of a type; nil if it is impossible.
    public init?(storedNumber number: Int32, of type: ColumnType) {
        let rest = Int(number) - 4
        switch type.element ?? type {
        case .varchar, .char: self = .length(rest)
        case .numeric:
            // Eleven bits, signed.
            let scale = ((rest & 0x7FF) ^ 0x400) - 0x400
            self = .precision(rest >> 16, scale: scale)
        case .time, .timestamp, .timestampTZ: self = .fractionDigits(Int(number))
        case .interval: self = .fractionDigits(Int(number) & 0xFFFF)
        default: return nil
        }
        if !isValid(for: type) || storedNumber(of: type) != number { return nil }
    }

    /// The text behind the type's name, such as `(10,2)`.
    var sqlText: String {
        switch self {
        case .length(let count), .fractionDigits(let count): "(\(count))"
        case .precision(let digits, let scale): "(\(digits),\(scale))"
        }
    }
}
