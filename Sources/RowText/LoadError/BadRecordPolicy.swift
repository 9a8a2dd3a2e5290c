/// What to do about a record that cannot be taken.
public enum BadRecordPolicy: Sendable, Hashable {
    /// The load ends without effect.
    case stop
    /// The record is left out, if the fault lies within it. After a stray or unterminated quote
    /// nobody knows where the next record begins, and the load ends in any case.
    case skip
}

extension LoadError.Reason {
    /// Whether reading can go on with the next record: the fault lies within one record whose end
    /// is known.
    public var isWithinRecord: Bool {
        switch self {
        case .missingFields, .extraFields, .invalidUTF8, .nulByte, .value, .nullNotAllowed,
            .rowTooLarge:
            true
        case .open, .read, .write, .missingHeader, .noRecords, .schema, .option,
            .unterminatedQuote, .strayQuote, .textAfterQuote, .strayCarriageReturn,
            .strayLineFeed, .recordTooLong, .unexpectedColumn, .controlCharacters:
            false
        }
    }
}
