public import RowSchema

/// Why a text is not a value of a type.
public struct ValueError: Error, Sendable, Hashable {
    /// What is wrong with the text.
    public enum Reason: Sendable, Hashable {
        /// The text does not have the syntax of the type.
        case invalidSyntax
        /// The value is outside the type's range.
        case outOfRange
        /// A date or time has a field that does not exist, such as a thirteenth month.
        case fieldOutOfRange
        /// A timestamp has a time zone other than UTC, which the type cannot keep, or one that only
        /// a table of names explains.
        case timeZone
        /// The text has more characters than the type allows.
        case tooLong(limit: Int)
        /// The text is a value, but a scan would write it in the column's spelling, which is
        /// another.
        case otherSpelling
        /// A stored datum's bytes are not a value of the type.
        case damaged
    }

    /// The type.
    public var type: ColumnType
    /// What is wrong with the text.
    public var reason: Reason

    /// Describes a failure.
    public init(_ type: ColumnType, _ reason: Reason) {
        self.type = type
        self.reason = reason
    }
}

extension ValueError: CustomStringConvertible {
    public var description: String {
        switch reason {
        case .invalidSyntax: "not a value of type \(type)"
        case .outOfRange: "out of range for \(type)"
        case .fieldOutOfRange: "a date or time field is out of range for \(type)"
        case .timeZone where type == .timestampTZ:
            "a time zone's name, which is not known; write the distance from UTC, such as +02"
        case .timeZone: "a time zone other than UTC, which \(type) cannot keep"
        case .tooLong(let limit): "longer than \(type) allows: \(limit) characters"
        case .otherSpelling: "a value of type \(type) that would not come back as it is written"
        case .damaged: "the stored bytes are not those of a value of type \(type)"
        }
    }
}
