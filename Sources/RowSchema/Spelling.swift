/// How a column's values are spelled, where their type has several spellings.
///
/// A column whose type was inferred has one: a field in any other would not come back as it was. So
/// a load accepts only that spelling, and a scan writes it.
public enum Spelling: UInt8, Sendable, Hashable, CaseIterable {
    /// The only spelling of the type, or else PostgreSQL's own: booleans as `t` and `f`, a blank
    /// between date and time, `+00` for UTC, UUIDs in lower case.
    case standard = 0

    /// `true` and `false`.
    case words = 1
    /// `True` and `False`.
    case capitalizedWords = 2
    /// `TRUE` and `FALSE`.
    case uppercaseWords = 3
    /// `T` and `F`.
    case uppercaseLetters = 4
    /// `yes` and `no`.
    case yesNo = 5
    /// `Yes` and `No`.
    case capitalizedYesNo = 6
    /// `YES` and `NO`.
    case uppercaseYesNo = 7
    /// `y` and `n`.
    case yesNoLetters = 8
    /// `Y` and `N`.
    case uppercaseYesNoLetters = 9
    /// `on` and `off`.
    case onOff = 10
    /// `On` and `Off`.
    case capitalizedOnOff = 11
    /// `ON` and `OFF`.
    case uppercaseOnOff = 12

    /// `T` between date and time; of a `timestamptz` also `+00` for UTC.
    case separatedByT = 32
    /// A blank between date and time, `+00:00` for UTC.
    case longZone = 33
    /// `T` between date and time, `+00:00` for UTC.
    case separatedByTLongZone = 34
    /// A blank between date and time, `Z` for UTC.
    case zulu = 35
    /// `T` between date and time, `Z` for UTC.
    case separatedByTZulu = 36

    /// A UUID in upper case.
    case uppercase = 64
}

extension Spelling {
    /// The spellings of a type, ``standard`` first. None if the type is never inferred, and columns
    /// cannot have a spelling.
    public static func spellings(of type: ColumnType) -> [Spelling] {
        switch type {
        case .boolean: [.standard] + allCases.filter { (1...12).contains($0.rawValue) }
        case .timestamp: [.standard, .separatedByT]
        case .timestampTZ:
            [.standard, .separatedByT, .longZone, .separatedByTLongZone, .zulu, .separatedByTZulu]
        case .uuid: [.standard, .uppercase]
        case .interval, .varchar, .char, .json, .jsonb, .array: []
        case .smallint, .integer, .bigint, .real, .doublePrecision, .text, .date, .bytea,
            .numeric, .time:
            [.standard]
        }
    }

    /// The words for true and false.
    public var booleanWords: (true: StaticString, false: StaticString) {
        switch self {
        case .words: ("true", "false")
        case .capitalizedWords: ("True", "False")
        case .uppercaseWords: ("TRUE", "FALSE")
        case .uppercaseLetters: ("T", "F")
        case .yesNo: ("yes", "no")
        case .capitalizedYesNo: ("Yes", "No")
        case .uppercaseYesNo: ("YES", "NO")
        case .yesNoLetters: ("y", "n")
        case .uppercaseYesNoLetters: ("Y", "N")
        case .onOff: ("on", "off")
        case .capitalizedOnOff: ("On", "Off")
        case .uppercaseOnOff: ("ON", "OFF")
        default: ("t", "f")
        }
    }

    /// The character between date and time.
    public var dateTimeSeparator: UInt8 {
        switch self {
        case .separatedByT, .separatedByTLongZone, .separatedByTZulu: UInt8(ascii: "T")
        default: UInt8(ascii: " ")
        }
    }

    /// The text for UTC behind a time.
    public var zone: StaticString {
        switch self {
        case .longZone, .separatedByTLongZone: "+00:00"
        case .zulu, .separatedByTZulu: "Z"
        default: "+00"
        }
    }
}
