import RowSchema
import Testing
import ValueText

@Suite("Values: dates and times in any order")
struct LenientTimeTests {
    private static let types: [ColumnType] = [.date, .time, .timestamp, .timestampTZ]

    private func readAndPrint(_ text: String, _ type: ColumnType) throws -> String {
        try withBytes(text) { text in
            try written { output in
                switch type {
                case .date: DateText.write(try LenientTimes.date(text), to: &output)
                case .time: TimeText.write(try LenientTimes.time(text), to: &output)
                case .timestamp:
                    TimestampText.write(try LenientTimes.timestamp(text), to: &output)
                default:
                    TimestampText.write(
                        try LenientTimes.timestampTZ(text), hasZone: true, to: &output)
                }
            }
        }
    }

    @Test("As PostgreSQL reads and prints them")
    func golden() {
        #expect(GoldenTimes.values.count > 100)
        for golden in GoldenTimes.values {
            for (type, expected) in zip(Self.types, golden.results) {
                let result = try? readAndPrint(golden.text, type)
                #expect(result == expected, "\(type) \(golden.text)")
            }
        }
    }

    @Test(
        "What depends on the present time or a zone's name, or would lose a zone, is refused",
        arguments: [
            ("now", .timestamp, .invalidSyntax), ("today", .date, .invalidSyntax),
            ("1/15/2024 10:11 EST", .timestampTZ, .invalidSyntax),
            ("2024-01-15 10:11:12 CET", .timestampTZ, .timeZone),
            ("1/15/2024 10:11 +02", .timestamp, .timeZone),
            ("9:30 PM-08", .time, .invalidSyntax), ("2/30/2024", .date, .fieldOutOfRange),
            ("1/15/2024 25:00", .date, .fieldOutOfRange), ("1/15/2024", .time, .invalidSyntax),
            ("", .date, .invalidSyntax), ("10:11", .date, .invalidSyntax),
        ] as [(String, ColumnType, ValueError.Reason)])
    func refused(_ text: String, _ type: ColumnType, _ reason: ValueError.Reason) {
        #expect(throws: ValueError(type, reason)) { try readAndPrint(text, type) }
    }
}
