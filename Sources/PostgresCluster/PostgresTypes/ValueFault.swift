/// Why stored bytes are no value of their type. Names no place: the caller knows the row.
public enum ValueFault: Error, Hashable, Sendable {
    /// Something would end behind the value's last byte.
    case truncated(needed: Int, available: Int)
    /// The bytes contradict their type's format; says in what.
    case malformed(String)
    /// Values are nested deeper than is followed.
    case tooDeep
    /// A length is beyond what PostgreSQL allows for a value.
    case tooLarge(Int)
    /// No text form is known for the type of that name.
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
    /// How deeply arrays, composites and ranges are followed into each other.
    public static let nesting = 32
    /// How deeply the operands of a `jsonpath` are followed.
    public static let pathNesting = 256
}
