extension CSVReader {
    /// Finds the next record. Returns false at the end of the source.
    ///
    /// - Throws: ``LoadError`` with the location of the fault. If the record only has the wrong
    ///   number of fields, invalid text, a NUL byte or a stray carriage return, calling again skips
    ///   it. After any other error the start of the next record is unknown, and calling again
    ///   returns false.
    public mutating func next() throws(LoadError) -> Bool {
        if linesToSkip > 0 { try skipLines() }
        while true {
            recordStart = nextStart
            line = nextLine
            fieldCount = 0
            hasNul = false
            hasHighBytes = false
            strayReturn = nil
            arrangement?.isDone = false
            switch try dialect == nil ? scanRecord() : scanDialectRecord() {
            case .needsMore:
                if sourceEnded { return false }
                nextLine = line
                try refill()
            case .comment:
                continue
            case .complete:
                if recordEnd == recordStart && fieldCount == 1 && (expectedFieldCount ?? 1) != 1 {
                    continue
                }
                recordNumber += 1
                if options.fillsMissingFields { fillMissingFields() }
                try checkRecord()
                if arrangement != nil { arrangeFields() }
                return true
            }
        }
    }

    enum ScanOutcome {
        /// The record is complete.
        case complete
        /// It was a line of comment, and is passed.
        case comment
        /// The buffer ends before the record does; nothing was consumed.
        case needsMore
    }

    /// Scans the record at `recordStart`. The cursor is at its first byte.
    ///
    /// A record that the buffer cuts is scanned again from its beginning after the refill. Records
    /// are short and buffers are long and doubled, so this costs almost nothing, and no state has
    /// to outlive the buffer.
    ///
    /// The cursor and the count stay in registers: functions that may not be inlined only get
    /// copies of them.
    private mutating func scanRecord() throws(LoadError) -> ScanOutcome {
        var cursor = cursor
        cursor.beginRecord()
        let delimiter = delimiter
        let start = recordStart
        var fieldStart = start
        var count = 0
        while true {
            let position = cursor.next()
            if position == cursor.limit {
                guard sourceEnded && start < position else { return .needsMore }
                append(count, fieldStart &- start, position &- fieldStart)
                return complete(cursor, count: count &+ 1, end: position, next: position)
            }
            let byte = cursor[position]
            if byte == delimiter {
                append(count, fieldStart &- start, position &- fieldStart)
                count &+= 1
                fieldStart = position &+ 1
            } else if byte == CSVSyntax.lineFeed && lineBreak == .lineFeed {
                append(count, fieldStart &- start, position &- fieldStart)
                return complete(cursor, count: count &+ 1, end: position, next: position &+ 1)
            } else if byte == CSVSyntax.quote {
                if position != fieldStart { throw fatal(.strayQuote, count, at: position) }
                var moved = cursor
                let closed = try scanQuoted(&moved, from: position, count)
                guard let end = closed else { return .needsMore }
                count &+= 1
                if end == moved.limit {
                    return complete(moved, count: count, end: end, next: end)
                }
                _ = moved.next()
                if moved[end] == delimiter {
                    cursor = moved
                    fieldStart = end &+ 1
                    continue
                }
                switch try endOfLine(at: end, count) {
                case .unknown: return .needsMore
                case .none: throw fatal(.textAfterQuote, count - 1, at: end - 1)
                case .next(let next):
                    if next > end &+ 1 { _ = moved.next() }
                    return complete(moved, count: count, end: end, next: next)
                }
            } else if byte == CSVSyntax.lineFeed || byte == CSVSyntax.carriageReturn {
                switch try endOfLine(at: position, count) {
                case .unknown: return .needsMore
                case .none: strayReturn = strayReturn ?? position
                case .next(let next):
                    var moved = cursor
                    if next > position &+ 1 { _ = moved.next() }
                    append(count, fieldStart &- start, position &- fieldStart)
                    return complete(moved, count: count &+ 1, end: position, next: next)
                }
            } else if byte == 0 {
                hasNul = true
            }
        }
    }

    @inline(__always)
    private mutating func complete(
        _ cursor: CSVCursor, count: Int, end: Int, next: Int
    ) -> ScanOutcome {
        self.cursor = cursor
        fieldCount = count
        recordEnd = end
        nextStart = next
        nextLine &+= 1
        return .complete
    }

    @inline(__always)
    private mutating func append(_ index: Int, _ start: Int, _ length: Int) {
        if index == fieldCapacity { growFields() }
        unsafe fields[index] = CSVField(
            start: start, length: length, isQuoted: false, needsUnescape: false)
    }

    /// Scans from the opening quote at `start` and makes field `index` of it. Returns the offset
    /// after the closing quote, at a delimiter, a line break or the source's end; nil if the buffer
    /// ends first.
    private mutating func scanQuoted(
        _ cursor: inout CSVCursor, from start: Int, _ index: Int
    ) throws(LoadError) -> Int? {
        var needsUnescape = false
        var lines = 0
        while true {
            let position = cursor.next()
            if position == cursor.limit {
                if sourceEnded { throw fatal(.unterminatedQuote, index, at: start) }
                return nil
            }
            let following = position + 1
            if following == cursor.limit && !sourceEnded { return nil }
            switch cursor[position] {
            case CSVSyntax.lineFeed:
                lines += 1
            case CSVSyntax.carriageReturn:
                if cursor[following] != CSVSyntax.lineFeed { lines += 1 }
            case CSVSyntax.quote:
                if following < cursor.limit {
                    let next = cursor[following]
                    if next == CSVSyntax.quote {
                        needsUnescape = true
                        _ = cursor.next()
                        continue
                    }
                    guard
                        next == delimiter || next == CSVSyntax.lineFeed
                            || next == CSVSyntax.carriageReturn
                    else { throw fatal(.textAfterQuote, index, at: start) }
                }
                if index == fieldCapacity { growFields() }
                unsafe fields[index] = CSVField(
                    start: start + 1 - recordStart, length: position - start - 1, isQuoted: true,
                    needsUnescape: needsUnescape)
                nextLine += lines
                return following
            case 0:
                hasNul = true
            default:
                break
            }
        }
    }

    /// What a line feed or carriage return means.
    enum LineEnd {
        /// The buffer ends before that is known.
        case unknown
        /// It breaks no line.
        case none
        /// It breaks the line; the next one begins at this offset.
        case next(Int)
    }

    /// Judges the line feed or carriage return at `position`.
    @inline(never)
    mutating func endOfLine(at position: Int, _ count: Int) throws(LoadError) -> LineEnd {
        let limit = cursor.limit
        if byte(position) == CSVSyntax.lineFeed {
            if lineBreak == .carriageReturn { throw fatal(.strayLineFeed, count, at: position) }
            lineBreak = .lineFeed
            return .next(position + 1)
        }
        if position + 1 == limit && !sourceEnded { return .unknown }
        if position + 1 < limit && byte(position + 1) == CSVSyntax.lineFeed {
            if lineBreak == .carriageReturn { throw fatal(.strayLineFeed, count, at: position) }
            lineBreak = .lineFeed
            return .next(position + 2)
        }
        if position + 1 < limit && byte(position + 1) == CSVSyntax.carriageReturn {
            if position + 2 == limit && !sourceEnded { return .unknown }
            if position + 2 < limit && byte(position + 2) == CSVSyntax.lineFeed {
                throw fatal(.doubledCarriageReturn, count, at: position)
            }
        }
        if lineBreak == .lineFeed { return .none }
        lineBreak = .carriageReturn
        return .next(position + 1)
    }
}
