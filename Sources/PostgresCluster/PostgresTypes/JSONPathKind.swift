extension JSONPathText {
    /// The kind of an item in a `jsonpath`, by its number on disk.
    enum Kind: UInt8 {
        case null, string, numeric, boolean
        case and, or, not, isUnknown
        case equal, notEqual, less, greater, lessOrEqual, greaterOrEqual
        case add, subtract, multiply, divide, modulo, plus, minus
        case anyArray, anyKey, indexArray, any, key, current, root, variable
        case filter, exists
        case type, size, abs, floor, ceiling, double, datetime, keyValue
        case `subscript`, last, startsWith, likeRegex
        case bigint, toBoolean, date, decimal, integer, number, toString
        case time, timeTZ, timestamp, timestampTZ
    }
}

extension JSONPathText.Kind {
    /// The name of the item's method.
    var method: StaticString? {
        switch self {
        case .type: "type"
        case .size: "size"
        case .abs: "abs"
        case .floor: "floor"
        case .ceiling: "ceiling"
        case .double: "double"
        case .datetime: "datetime"
        case .keyValue: "keyvalue"
        case .bigint: "bigint"
        case .toBoolean: "boolean"
        case .date: "date"
        case .decimal: "decimal"
        case .integer: "integer"
        case .number: "number"
        case .toString: "string"
        case .time: "time"
        case .timeTZ: "time_tz"
        case .timestamp: "timestamp"
        case .timestampTZ: "timestamp_tz"
        default: nil
        }
    }

    /// How many argument positions a method's item holds.
    var methodArguments: Int {
        switch self {
        case .datetime, .time, .timeTZ, .timestamp, .timestampTZ: 1
        case .decimal: 2
        default: 0
        }
    }

    /// The sign of an operator with two operands.
    var operatorName: StaticString? {
        switch self {
        case .and: "&&"
        case .or: "||"
        case .equal: "=="
        case .notEqual: "!="
        case .less: "<"
        case .greater: ">"
        case .lessOrEqual: "<="
        case .greaterOrEqual: ">="
        case .add: "+"
        case .subtract: "-"
        case .multiply: "*"
        case .divide: "/"
        case .modulo: "%"
        case .startsWith: "starts with"
        default: nil
        }
    }

    /// The text before the operand of a unary predicate.
    var opening: StaticString {
        switch self {
        case .not: "!("
        case .filter: "?("
        case .exists: "exists ("
        default: "("
        }
    }

    /// How tightly the item binds.
    var priority: Int {
        switch self {
        case .or: 0
        case .and: 1
        case .equal, .notEqual, .less, .greater, .lessOrEqual, .greaterOrEqual, .startsWith: 2
        case .add, .subtract: 3
        case .multiply, .divide, .modulo: 4
        case .plus, .minus: 5
        default: 6
        }
    }
}
