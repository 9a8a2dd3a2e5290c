public import AsyncIO
internal import PostgresReading
internal import PostgresTypes

extension TableScan {
    /// Calls `body` with the values of each row, in heap order, on the calling thread.
    ///
    /// - Parameter body: returns false to end the scan.
    /// - Throws: what `body` throws, and what ``write(_:to:)`` throws.
    public func forEachRow(
        _ body: ([PostgresValue]) throws(StorageError) -> Bool
    ) throws(StorageError) {
        var left = options.limit ?? .max
        var isEnded = false
        for plan in plans where !isEnded && left > 0 {
            let storage = database.directory.storage
            let session = try storage.makeSession()
            defer { session.close() }
            var reader = try HeapReader(
                storage, plan.place, log: database.directory.log, session: session)
            reader.includesDead = options.includesDead
            var rows = RowWriter(
                plan, RowForm.none, writer, database.encodingOfText, storage, session: session)
            let blocks = try reader.blockCount()
            let damage = { [reader] (block: UInt32, reason: String) in
                reader.damaged(block, reason)
            }
            try reader.forEachRow(in: 0..<blocks) { row throws(StorageError) in
                if isEnded || left == 0 { return }
                let values: [PostgresValue]
                do throws(RowFault) {
                    values = try rows.values(row)
                } catch {
                    throw damage(row.block, error.reason)
                }
                left -= 1
                if try !body(values) { isEnded = true }
            } pageDone: { () throws(StorageError) in
                !isEnded && left > 0
            }
            note(zeroPages: reader.zeroPages)
            if !isEnded && options.limit == nil { try checkEnd(of: plan) }
        }
    }
}

extension RowWriter {
    /// The values of a row.
    mutating func values(_ row: borrowing RowVersion) throws(RowFault) -> [PostgresValue] {
        let data: RawSpan
        do throws(ValueFault) {
            data = try fields.find(row.tuple, upTo: plan.last)
        } catch {
            throw .value(column: nil, error)
        }
        var values: [PostgresValue] = []
        values.reserveCapacity(plan.columns.count)
        var text = TextOutput()
        for index in plan.columns.indices {
            text.clear()
            guard try field(index, data, row, &text) else {
                values.append(.null)
                continue
            }
            values.append(plan.columns[index].value(of: text.bytes))
        }
        return values
    }
}

extension PlannedColumn {
    /// Converts a value's text into the value.
    fileprivate func value(of text: [UInt8]) -> PostgresValue {
        let string = String(decoding: text, as: UTF8.self)
        switch form {
        case .boolean: return .boolean(text.first == UInt8(ascii: "t"))
        case .smallint, .integer, .bigint, .unsigned:
            return Int64(string).map { .integer($0) } ?? .text(string)
        case .real, .double: return Double(string).map { .double($0) } ?? .text(string)
        case .bytea: return .bytes(Self.bytes(ofHexadecimal: text))
        default: return .text(string)
        }
    }

    /// Decodes `\\x` followed by pairs of digits.
    private static func bytes(ofHexadecimal text: [UInt8]) -> [UInt8] {
        func digit(_ byte: UInt8) -> UInt8 {
            byte <= UInt8(ascii: "9") ? byte &- UInt8(ascii: "0") : byte &- UInt8(ascii: "a") &+ 10
        }
        return stride(from: 2, to: text.count - 1, by: 2).map {
            digit(text[$0]) << 4 | digit(text[$0 + 1])
        }
    }
}
