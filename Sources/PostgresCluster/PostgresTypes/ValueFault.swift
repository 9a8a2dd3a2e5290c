/// Why stored bytes are not a value of their type. It names no place: the caller knows the row.
public enum ValueFault: Error, Hashable, Sendable {
    /// Something would end after the value's last byte.
    case truncated(needed: Int, available: Int)
    /// The bytes contradict their type's format, in the way that the text describes.
    case malformed(String)
    /// Values are nested deeper than the limit.
    case tooDeep
    /// A length exceeds what PostgreSQL allows for a value.
    case tooLarge(Int)
    /// The named type has no known text form.
    case unsupportedType(String)
    /// A value within another is stored out of line, which PostgreSQL never does.
    case nestedPointer
}

extension ValueFault: CustomStringConvertible {
    /// What is wrong, without naming the row.
    public var description: String {
        switch self {
        case .truncated(let needed, let available):
            "\(needed) bytes are needed where the value has \(available)"
        case .malformed(let reason): reason
        case .tooDeep: "values are nested too deeply"
        case .tooLarge(let count): "\(count) bytes are more than a value can have"
        case .unsupportedType(let name): "values of type \(name) cannot be printed"
        case .nestedPointer: "a value within another is stored out of line"
        }
    }
}

/// Limits that keep hostile bytes from taking memory or stack.
public enum ValueLimits {
    /// The most bytes a value can have: PostgreSQL's length words have 30 bits.
    public static let byteCount = (1 << 30) - 1
    /// How deeply arrays, composites and ranges may nest.
    public static let nesting = 32
    /// How deeply the operands of a `jsonpath` may nest.
    public static let pathNesting = 256
}
