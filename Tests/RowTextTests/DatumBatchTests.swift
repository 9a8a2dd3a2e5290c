import PageFormat
import RowSchema
import RowText
import Testing

/// Rows that are no text.
@Suite struct DatumBatchTests {
    private func schema(_ text: String) throws -> Schema { try Schema(parsing: text) }

    private func batch(_ values: [[UInt8]?]) -> DatumBatch {
        var batch = DatumBatch()
        for value in values {
            if let value {
                batch.append(unsafe value.span.bytes)
            } else {
                batch.appendNull()
            }
        }
        return batch
    }

    private func reason(
        _ schema: Schema, _ batch: DatumBatch, textColumns: Set<Int> = []
    ) -> LoadError? {
        var encoder = RowEncoder(schema: schema)
        var offset = 0
        do throws(LoadError) {
            while offset < batch.bytes.count {
                try encoder.encode(batch, at: &offset, textColumns: textColumns)
            }
            return nil
        } catch {
            return error
        }
    }

    @Test func rowsAreEncodedOneByOne() throws {
        let schema = try schema("a integer NOT NULL, b text")
        let rows = batch([[1, 0, 0, 0], Array("one".utf8), [2, 0, 0, 0], nil])
        var encoder = RowEncoder(schema: schema)
        var offset = 0
        try encoder.encode(rows, at: &offset)
        #expect(offset == 4 + 4 + 4 + 3)
        try encoder.encode(rows, at: &offset)
        #expect(offset == rows.bytes.count)
    }

    @Test func whatIsNoValueOfItsColumnIsRefused() throws {
        let integer = try schema("a integer NOT NULL")
        #expect(reason(integer, batch([nil]))?.reason == .nullNotAllowed)
        #expect(
            reason(integer, batch([[1, 2]]))?.reason
                == .value(ValueError(.integer, .damaged)))
        #expect(reason(integer, batch([[1, 2]]))?.column == "a")
        let text = try schema("t text")
        #expect(reason(text, batch([[0xFF]]))?.reason == .value(ValueError(.text, .damaged)))
        #expect(reason(text, batch([[0]]))?.reason == .value(ValueError(.text, .damaged)))
        #expect(
            reason(try schema("b boolean"), batch([[2]]))?.reason
                == .value(ValueError(.boolean, .damaged)))
        let large = batch([[UInt8](repeating: 0x61, count: 9000)])
        guard case .rowTooLarge = reason(text, large)?.reason else {
            Issue.record("a row that fits no page is accepted")
            return
        }
    }

    @Test func textsAreReadWhereTheyAreAnnounced() throws {
        let number = try schema("n numeric")
        #expect(reason(number, batch([Array("12.50".utf8)]), textColumns: [0]) == nil)
        #expect(
            reason(number, batch([Array("x".utf8)]), textColumns: [0])?.reason
                == .value(ValueError(.numeric, .invalidSyntax)))
    }

    @Test(arguments: 1..<15) func aBatchThatEndsWithinARowIsRefused(length: Int) throws {
        let schema = try schema("a integer NOT NULL, b text")
        let whole = batch([[1, 0, 0, 0], Array("one".utf8)])
        let cut = DatumBatch(bytes: Array(whole.bytes.prefix(length)))
        guard case .missingFields = reason(schema, cut)?.reason else {
            Issue.record("\(length) bytes are taken for a row")
            return
        }
    }
}
