internal import ValueText

/// The scanner for dialects other than RFC 4180's. It looks at one byte after the other.
extension CSVReader {
    /// Finds the record at `recordStart`, or passes a comment there.
    mutating func scanDialectRecord() throws(LoadError) -> ScanOutcome {
        guard let dialect else { return .complete }
        let limit = cursor.limit
        if recordStart == limit { return .needsMore }
        if let comment = dialect.comment, byte(recordStart) == comment {
            guard let next = endOfPassedLine(from: recordStart) else { return .needsMore }
            nextStart = next
            nextLine += 1
            return .comment
        }
        var position = recordStart
        var count = 0
        while true {
            guard let end = try scanField(dialect, from: position, count) else {
                return .needsMore
            }
            count += 1
            if end == limit { return completeDialect(count, end: end, next: end) }
            let first = byte(end)
            guard first == CSVSyntax.lineFeed || first == CSVSyntax.carriageReturn else {
                position = end + dialect.delimiter.count
                continue
            }
            switch try endOfLine(at: end, count - 1) {
            case .unknown: return .needsMore
            case .none: throw fatal(.textAfterQuote, count - 1, at: end - 1)
            case .next(let next): return completeDialect(count, end: end, next: next)
            }
        }
    }

    private mutating func completeDialect(_ count: Int, end: Int, next: Int) -> ScanOutcome {
        fieldCount = count
        recordEnd = end
        nextStart = next
        nextLine += 1
        return .complete
    }

    private mutating func append(_ index: Int, _ field: CSVField) {
        if index == fieldCapacity { growFields() }
        unsafe fields[index] = field
    }

    /// Makes field `index` of what stands from `start` on. Returns the offset of the delimiter or
    /// line break behind it, or of the source's end; nil if the buffer ends before that is known.
    private mutating func scanField(
        _ dialect: CSVDialect, from start: Int, _ index: Int
    ) throws(LoadError) -> Int? {
        let limit = cursor.limit
        var first = start
        if dialect.allowsBlanksAroundQuotes {
            while first < limit && dialect.isBlank(byte(first)) { first += 1 }
        }
        if first == limit && !sourceEnded { return nil }
        if let quote = dialect.quote, first < limit, byte(first) == quote {
            return try scanQuoted(dialect, quote, from: first, index)
        }
        if !dialect.trims { first = start }
        var position = first
        var needsUnescape = false
        scan: while position < limit {
            let byte = byte(position)
            if byte == dialect.delimiter[0] {
                guard let isDelimiter = isDelimiter(dialect, at: position) else { return nil }
                if isDelimiter { break scan }
            }
            if byte == CSVSyntax.lineFeed || byte == CSVSyntax.carriageReturn {
                switch try endOfLine(at: position, index) {
                case .unknown: return nil
                case .none: strayReturn = strayReturn ?? position
                case .next: break scan
                }
            } else if byte == dialect.escape {
                guard let length = escapedLength(dialect, at: position + 1) else { return nil }
                if length > 0 { needsUnescape = true }
                position += length
            } else if byte == dialect.quote && !dialect.isLenient {
                throw fatal(.strayQuote, index, at: position)
            }
            note(byte)
            position += 1
        }
        if position >= limit {
            if !sourceEnded { return nil }
            position = limit
        }
        var end = position
        if dialect.trims {
            while end > first && dialect.isBlank(byte(end - 1)) { end -= 1 }
        }
        append(
            index,
            CSVField(
                start: first - recordStart, length: end - first, isQuoted: false,
                needsUnescape: needsUnescape))
        return position
    }

    @inline(__always)
    private mutating func note(_ byte: UInt8) {
        if byte == 0 { hasNul = true }
        if byte >= 0x80 { hasHighBytes = true }
    }

    /// Whether the delimiter is at `position`, where its first byte is; nil if the buffer ends
    /// before that is known.
    private func isDelimiter(_ dialect: CSVDialect, at position: Int) -> Bool? {
        for (offset, expected) in dialect.delimiter.enumerated() {
            if position + offset >= cursor.limit { return sourceEnded ? false : nil }
            if byte(position + offset) != expected { return false }
        }
        return true
    }

    /// How many bytes at `position`, behind an escape character, it makes part of the value; nil if
    /// the buffer ends before that is known.
    private mutating func escapedLength(_ dialect: CSVDialect, at position: Int) -> Int? {
        if position >= cursor.limit { return sourceEnded ? 0 : nil }
        let byte = byte(position)
        if byte == CSVSyntax.carriageReturn {
            if position + 1 >= cursor.limit && !sourceEnded { return nil }
            nextLine += 1
            let hasLineFeed =
                position + 1 < cursor.limit && self.byte(position + 1) == CSVSyntax.lineFeed
            return hasLineFeed ? 2 : 1
        }
        if byte == CSVSyntax.lineFeed {
            nextLine += 1
            return 1
        }
        return dialect.isEscapable(byte) ? 1 : 0
    }

    /// Makes a field of what stands from the opening quote at `start` on.
    private mutating func scanQuoted(
        _ dialect: CSVDialect, _ quote: UInt8, from start: Int, _ index: Int
    ) throws(LoadError) -> Int? {
        let limit = cursor.limit
        var needsUnescape = false
        // Where the field ends at the latest, and its last byte that is not blank. Found once for
        // all quotes before it.
        var tailEnd = 0
        var tailLast = 0
        var position = start + 1
        while position < limit {
            let byte = byte(position)
            if position + 1 == limit && !sourceEnded { return nil }
            if byte == dialect.escape {
                guard position + 1 < limit else { break }
                let following = self.byte(position + 1)
                if following == quote || following == dialect.escape {
                    needsUnescape = true
                    position += 1
                }
            } else if byte == quote {
                if position + 1 < limit && self.byte(position + 1) == quote {
                    needsUnescape = true
                    position += 2
                    continue
                }
                guard let end = endAfterQuote(dialect, at: position + 1) else { return nil }
                if end >= 0 {
                    append(
                        index,
                        CSVField(
                            start: start + 1 - recordStart, length: position - start - 1,
                            isQuoted: true, needsUnescape: needsUnescape))
                    return end
                }
                if !dialect.isLenient { throw fatal(.textAfterQuote, index, at: start) }
                if tailEnd <= position {
                    guard let found = endOfTail(dialect, from: position + 1) else { return nil }
                    (tailEnd, tailLast) = (found, found - 1)
                    while tailLast > position && dialect.isBlank(self.byte(tailLast)) {
                        tailLast -= 1
                    }
                }
                if tailLast == position || self.byte(tailLast) != quote {
                    appendWithTail(dialect, index, from: start + 1, to: tailEnd)
                    return tailEnd
                }
            } else if byte == CSVSyntax.lineFeed {
                nextLine += 1
            } else if byte == CSVSyntax.carriageReturn {
                if position + 1 == limit || self.byte(position + 1) != CSVSyntax.lineFeed {
                    nextLine += 1
                }
            }
            note(byte)
            position += 1
        }
        if sourceEnded { throw fatal(.unterminatedQuote, index, at: start) }
        return nil
    }

    /// Makes a field of the text from `start`, behind the opening quote, to `end`: a quoted part
    /// and more text.
    private mutating func appendWithTail(
        _ dialect: CSVDialect, _ index: Int, from start: Int, to end: Int
    ) {
        for position in start..<end { note(byte(position)) }
        var last = end
        if dialect.trims {
            while last > start && dialect.isBlank(byte(last - 1)) { last -= 1 }
        }
        append(index, CSVField(start: start - recordStart, lengthWithTail: last - start))
    }

    /// The offset of the field's end if there is nothing but blanks between it and `position`,
    /// behind a closing quote; -1 if there is other text; nil if the buffer ends before that is
    /// known.
    private func endAfterQuote(_ dialect: CSVDialect, at position: Int) -> Int? {
        var end = position
        if dialect.allowsBlanksAroundQuotes {
            while end < cursor.limit && dialect.isBlank(byte(end)) { end += 1 }
        }
        if end >= cursor.limit { return sourceEnded ? cursor.limit : nil }
        let byte = byte(end)
        if byte == CSVSyntax.lineFeed || byte == CSVSyntax.carriageReturn { return end }
        if byte != dialect.delimiter[0] { return -1 }
        guard let isDelimiter = isDelimiter(dialect, at: end) else { return nil }
        return isDelimiter ? end : -1
    }

    /// The offset of the next delimiter or line break from `position` on, or of the source's end.
    private func endOfTail(_ dialect: CSVDialect, from position: Int) -> Int? {
        for end in position..<cursor.limit {
            let byte = byte(end)
            if byte == CSVSyntax.lineFeed || byte == CSVSyntax.carriageReturn { return end }
            if byte == dialect.delimiter[0] {
                guard let isDelimiter = isDelimiter(dialect, at: end) else { return nil }
                if isDelimiter { return end }
            }
        }
        return sourceEnded ? cursor.limit : nil
    }

    /// The offset after the line that begins at `start` and is no record; nil if the buffer ends
    /// before it.
    func endOfPassedLine(from start: Int) -> Int? {
        for position in start..<cursor.limit {
            let byte = byte(position)
            if byte == CSVSyntax.lineFeed { return position + 1 }
            if byte == CSVSyntax.carriageReturn {
                if position + 1 == cursor.limit { return sourceEnded ? position + 1 : nil }
                return self.byte(position + 1) == CSVSyntax.lineFeed ? position + 2 : position + 1
            }
        }
        return sourceEnded ? cursor.limit : nil
    }

    /// Passes the lines before the first record.
    @inline(never)
    mutating func skipLines() throws(LoadError) {
        while linesToSkip > 0 {
            recordStart = nextStart
            if let next = endOfPassedLine(from: recordStart), next > recordStart {
                nextStart = next
                nextLine += 1
                linesToSkip -= 1
            } else if sourceEnded {
                linesToSkip = 0
            } else {
                try refill()
            }
        }
        unsafe cursor = CSVCursor(
            base: buffer, start: nextStart, limit: cursor.limit, scanner: scanner)
    }

    /// Copies the field into the scratch without what escapes and encloses its characters.
    mutating func unescape(_ field: CSVField, _ dialect: CSVDialect) {
        scratch.removeAll()
        scratch.reserve(field.length)
        var offset = recordStart + field.offset
        let end = offset + field.length
        while offset < end {
            let byte = byte(offset)
            offset += 1
            if byte == dialect.escape && offset < end {
                let following = self.byte(offset)
                let isEscaped =
                    field.isQuoted
                    ? following == dialect.quote || following == dialect.escape
                    : dialect.isEscapable(following)
                if isEscaped {
                    scratch.append(following)
                    offset += 1
                    continue
                }
            } else if byte == dialect.quote && field.isQuoted {
                if offset < end && self.byte(offset) == dialect.quote {
                    offset += 1
                } else if field.hasTail {
                    while offset < end {
                        scratch.append(self.byte(offset))
                        offset += 1
                    }
                    return
                }
            }
            scratch.append(byte)
        }
    }
}

extension CSVDialect {
    /// Whether a character behind an escape character, outside quotes, is part of the value. What
    /// begins the delimiter is, too.
    func isEscapable(_ byte: UInt8) -> Bool {
        byte == quote || byte == escape || byte == delimiter[0] || byte == CSVSyntax.lineFeed
            || byte == CSVSyntax.carriageReturn
    }
}
