/// What to do about a record that cannot be loaded.
public enum BadRecordPolicy: Sendable, Hashable {
    /// The load ends without effect.
    case stop
    /// Skips the record if the fault lies within it. A stray or unterminated quote always ends the
    /// load, since the start of the next record is then unknown.
    case skip
}

extension LoadError.Reason {
    /// Whether reading can continue with the next record, because the fault lies within one record
    /// whose end is known.
    public var isWithinRecord: Bool {
        switch self {
        case .missingFields, .extraFields, .invalidUTF8, .invalidText, .nulByte, .value,
            .nullNotAllowed, .rowTooLarge, .strayCarriageReturn:
            true
        case .open, .read, .write, .missingHeader, .noRecords, .schema, .option,
            .unterminatedQuote, .strayQuote, .textAfterQuote, .strayLineFeed,
            .doubledCarriageReturn, .recordTooLong, .unexpectedColumn, .unknownColumn,
            .missingColumns, .controlCharacters, .otherEncoding, .fileKind, .damagedCompression,
            .allRecordsSkipped:
            false
        }
    }
}
