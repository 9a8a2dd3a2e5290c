internal import ValueText

extension CSVReader {
    /// Throws if a complete record is too long, has the wrong number of fields or is not text.
    @inline(__always)
    mutating func checkRecord() throws(LoadError) {
        let length = recordEnd - recordStart
        if length > options.maximumRecordLength || hasNul || hasHighBytes || cursor.highBits != 0
            || strayReturn != nil || fieldCount != expectedFieldCount ?? fieldCount
        {
            try checkClosely(length)
        }
    }

    @inline(never)
    private mutating func checkClosely(_ length: Int) throws(LoadError) {
        if length > options.maximumRecordLength {
            throw fatal(.recordTooLong(limit: options.maximumRecordLength), -1, at: recordStart)
        }
        if hasHighBytes || cursor.highBits != 0,
            let offset = UTF8Check.firstInvalidByte(recordBytes)
        {
            throw failure(
                source.encoding == .utf8 ? .invalidUTF8 : .invalidText(source.encoding), at: offset)
        }
        if hasNul {
            let bytes = recordBytes
            var offset = 0
            while offset < bytes.count - 1 && bytes[offset] != 0 { offset += 1 }
            throw failure(.nulByte, at: offset)
        }
        if let strayReturn { throw failure(.strayCarriageReturn, at: strayReturn - recordStart) }
        if let expected = expectedFieldCount, fieldCount != expected {
            throw fieldCount < expected
                ? failure(
                    .missingFields(expected: expected, found: fieldCount), field: fieldCount)
                : failure(.extraFields(expected: expected, found: fieldCount), field: expected)
        }
    }

    /// An error at byte `offset` of the current, complete record.
    private func failure(_ reason: LoadError.Reason, at offset: Int) -> LoadError {
        var field = 0
        while field + 1 < fieldCount && self.field(field + 1).offset <= offset { field += 1 }
        var error = failure(reason, field: field)
        error.location?.byteOffset = byteOffset + offset
        return error
    }

    /// An error about field `index` of the current, complete record, which may have fewer fields.
    ///
    /// - Complexity: O(length of the record).
    public func failure(_ reason: LoadError.Reason, field index: Int) -> LoadError {
        let start = index < fieldCount ? field(index).offset : recordEnd - recordStart
        let place = place(ofField: index)
        var error = LoadError(
            reason, source: sourceName,
            location: LoadError.Location(
                record: recordNumber, line: line, fieldLine: line + lineBreaks(before: start),
                field: place.position + 1, byteOffset: byteOffset + start))
        error.column = place.name
        if index < fieldCount {
            error.excerpt = Excerpt.of(rawBytes(index))
        } else if recordNumber > 0 {
            error.excerpt = Excerpt.of(recordBytes)
        }
        return error
    }

    /// A syntax error of field `index` at `offset` in the buffer, after which nothing can be read.
    /// A negative index means the record.
    mutating func fatal(_ reason: LoadError.Reason, _ index: Int, at offset: Int) -> LoadError {
        var start = offset
        while start > recordStart && byte(start - 1) != delimiter
            && byte(start - 1) != CSVSyntax.lineFeed
        {
            start -= 1
        }
        let count = min(cursor.limit - start, Excerpt.maximumLength * 4)
        var error = LoadError(
            reason, source: sourceName,
            location: LoadError.Location(
                record: recordNumber + 1, line: line,
                fieldLine: line + lineBreaks(before: offset - recordStart), field: index + 1,
                byteOffset: bufferOffset + offset))
        error.excerpt = unsafe Excerpt.of(Span(_unsafeStart: buffer + start, count: count))
        if index >= 0 && index < columnNames.count { error.column = columnNames[index] }
        nextStart = cursor.limit
        sourceEnded = true
        unsafe cursor = CSVCursor(
            base: buffer, start: cursor.limit, limit: cursor.limit, scanner: scanner)
        return error
    }

    /// How many lines end before the byte at `offset` of the current record.
    private func lineBreaks(before offset: Int) -> Int {
        var count = 0
        var previous: UInt8 = 0
        for index in recordStart..<recordStart + offset {
            let byte = byte(index)
            if byte == CSVSyntax.carriageReturn {
                count += 1
            } else if byte == CSVSyntax.lineFeed && previous != CSVSyntax.carriageReturn {
                count += 1
            }
            previous = byte
        }
        return count
    }
}

/// The beginnings of values, for messages.
enum Excerpt {
    /// The longest excerpt in characters.
    static let maximumLength = 60

    /// The first characters of `bytes`, followed by an ellipsis if there are more. Control
    /// characters and invalid UTF-8 are replaced.
    static func of(_ bytes: Span<UInt8>) -> String {
        var head: [UInt8] = []
        for index in 0..<min(bytes.count, maximumLength * 4) { head.append(bytes[index]) }
        let text = String(decoding: head, as: UTF8.self)
        var result = ""
        for character in text.prefix(maximumLength) {
            for scalar in character.unicodeScalars {
                let isControl = scalar.value < 0x20 || scalar.value == 0x7F
                result.unicodeScalars.append(isControl ? "\u{FFFD}" : scalar)
            }
        }
        return text.count > maximumLength || bytes.count > head.count ? result + "…" : result
    }
}
