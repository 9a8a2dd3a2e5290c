/// Taking whole records without reading their fields, so that another thread can read them.
///
/// In the plain dialect a line feed ends a record exactly if an even number of quotes precedes it
/// since the record began, up to a misplaced quote, behind which nothing can be read.
extension CSVReader {
    /// Whether ``takeRecords(atMost:into:)`` can find records: the dialect is plain, and a first
    /// record was read whose line ended in a line feed.
    public var canTakeRecords: Bool {
        dialect == nil && lineBreak == .lineFeed && linesToSkip == 0
    }

    /// The physical line, from one, on which the next record starts.
    public var nextRecordLine: Int { nextLine }

    /// Takes the bytes of the records behind the current one.
    ///
    /// - Parameters:
    ///   - limit: the most bytes to take.
    ///   - bytes: gets them instead of what it has.
    /// - Returns: whether there are some. There are none at the source's end; nor if one record is
    ///   longer than the limit, or a carriage return does not belong to a line break. ``next()``
    ///   then reads on.
    /// - Throws: what reading the source throws.
    public mutating func takeRecords(
        atMost limit: Int, into bytes: inout [UInt8]
    ) throws(LoadError) -> Bool {
        bytes.removeAll(keepingCapacity: true)
        guard canTakeRecords else { return false }
        recordStart = nextStart
        if let whole = wholeRecords(limit) { return take(whole, into: &bytes) }
        let pending = cursor.limit - recordStart
        if sourceEnded || pending >= min(limit, options.maximumRecordLength) { return false }
        line = nextLine
        try refill()
        guard let whole = wholeRecords(limit) else { return false }
        return take(whole, into: &bytes)
    }

    /// The records that end in the next bytes, at most so many.
    private func wholeRecords(_ limit: Int) -> (end: Int, tally: SyntaxTally)? {
        let end = min(cursor.limit, recordStart + limit)
        let bytes = unsafe UnsafeBufferPointer(
            start: buffer + recordStart, count: end - recordStart)
        var tally = unsafe SyntaxTally(bytes)
        for offset in stride(from: bytes.count - 1, through: 0, by: -1) {
            let byte = unsafe bytes[offset]
            if byte == CSVSyntax.lineFeed && tally.quotes & 1 == 0 {
                return (recordStart + offset + 1, tally)
            }
            tally.remove(byte)
        }
        return nil
    }

    private mutating func take(
        _ whole: (end: Int, tally: SyntaxTally), into bytes: inout [UInt8]
    ) -> Bool {
        let records = unsafe UnsafeBufferPointer(
            start: buffer + recordStart, count: whole.end - recordStart)
        if whole.tally.returns > 0, unsafe Self.hasStrayReturn(records, whole.tally.returns) {
            return false
        }
        unsafe bytes.append(contentsOf: records)
        nextLine += whole.tally.lineFeeds
        move(to: whole.end)
        return true
    }

    /// Whether one of the carriage returns does not precede a line feed.
    @unsafe
    private static func hasStrayReturn(
        _ bytes: UnsafeBufferPointer<UInt8>, _ returns: Int
    ) -> Bool {
        var pairs = 0
        for offset in 1..<max(bytes.count, 1) {
            let isPair =
                unsafe bytes[offset] == CSVSyntax.lineFeed
                && bytes[offset - 1] == CSVSyntax.carriageReturn
            pairs &+= isPair ? 1 : 0
        }
        return pairs != returns
    }

    /// Continues behind the records that were taken, or that begin at `offset` in the buffer.
    private mutating func move(to offset: Int) {
        recordStart = offset
        recordEnd = offset
        nextStart = offset
        fieldCount = 0
        unsafe cursor = CSVCursor(
            base: buffer, start: offset, limit: cursor.limit, scanner: scanner)
    }

    /// Counts records that were taken and read elsewhere.
    public mutating func countTaken(_ count: Int) { recordNumber += count }

    /// Puts bytes that were taken back before the next record.
    ///
    /// - Parameters:
    ///   - pieces: the bytes, which end with the last that were taken.
    ///   - line: the line on which they begin.
    public mutating func putBack(_ pieces: [[UInt8]], line: Int) {
        let count = pieces.reduce(0) { $0 + $1.count }
        let rest = unsafe UnsafeBufferPointer(
            start: buffer + nextStart, count: cursor.limit - nextStart)
        source = unsafe PutBackSource(pieces + [Array(rest)], before: source)
        bufferOffset += nextStart - count
        sourceEnded = false
        nextLine = line
        self.line = line
        unsafe cursor = CSVCursor(base: buffer, start: 0, limit: 0, scanner: scanner)
        move(to: 0)
    }

    /// Makes a reader of taken records, for another thread.
    ///
    /// - Throws: nothing, since the options are this reader's.
    public func makeReaderOfTaken() throws(LoadError) -> CSVReader {
        var reader = try CSVReader(
            source: MemorySource([], name: source.name), options: options,
            expectedFieldCount: expectedFieldCount)
        reader.columnNames = columnNames
        reader.arrangement = arrangement
        reader.linesToSkip = 0
        return reader
    }

    /// Begins with other records, which were taken. The record's number begins with 1 again, as do
    /// line and offset.
    public mutating func begin(withTaken bytes: [UInt8]) {
        if capacity < bytes.count {
            unsafe buffer.deallocate()
            capacity = bytes.count
            unsafe buffer = .allocate(capacity: capacity + CSVCursor.padding)
        }
        unsafe bytes.withUnsafeBufferPointer { source in
            guard let base = source.baseAddress else { return }
            unsafe buffer.update(from: base, count: source.count)
        }
        pad(from: bytes.count)
        bufferOffset = 0
        sourceEnded = true
        lineBreak = .lineFeed
        recordNumber = 0
        nextLine = 1
        unsafe cursor = CSVCursor(base: buffer, start: 0, limit: bytes.count, scanner: scanner)
        move(to: 0)
    }
}

/// How many quotes and line break characters some bytes contain.
private struct SyntaxTally {
    private(set) var quotes = 0
    private(set) var lineFeeds = 0
    private(set) var returns = 0

    /// Counts in words of eight bytes, whose results are added up byte by byte, so a sum takes at
    /// most 255 of them.
    @unsafe
    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        let raw = UnsafeRawBufferPointer(bytes)
        let words = bytes.count / 8
        var word = 0
        while word < words {
            let end = min(word + 255, words)
            var (quoteSums, feedSums, returnSums): (UInt64, UInt64, UInt64) = (0, 0, 0)
            while word < end {
                let value = unsafe raw.loadUnaligned(fromByteOffset: 8 &* word, as: UInt64.self)
                quoteSums &+= Self.equal(value, CSVSyntax.quote)
                feedSums &+= Self.equal(value, CSVSyntax.lineFeed)
                returnSums &+= Self.equal(value, CSVSyntax.carriageReturn)
                word &+= 1
            }
            quotes &+= Self.sum(quoteSums)
            lineFeeds &+= Self.sum(feedSums)
            returns &+= Self.sum(returnSums)
        }
        for offset in 8 * words..<bytes.count { count(unsafe bytes[offset], 1) }
    }

    mutating func remove(_ byte: UInt8) { count(byte, -1) }

    private mutating func count(_ byte: UInt8, _ step: Int) {
        switch byte {
        case CSVSyntax.quote: quotes += step
        case CSVSyntax.lineFeed: lineFeeds += step
        case CSVSyntax.carriageReturn: returns += step
        default: break
        }
    }

    /// A word with 1 in each byte that equals `byte`, and 0 in the others.
    @inline(__always)
    private static func equal(_ word: UInt64, _ byte: UInt8) -> UInt64 {
        let low7: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
        let difference = word ^ UInt64(byte) &* 0x0101_0101_0101_0101
        return ~(((difference & low7) &+ low7) | difference | low7) &>> 7
    }

    /// The sum of a word's bytes.
    private static func sum(_ word: UInt64) -> Int {
        let low: UInt64 = 0x00FF_00FF_00FF_00FF
        let pairs = (word & low) &+ (word &>> 8 & low)
        return Int(truncatingIfNeeded: (pairs &* 0x0001_0001_0001_0001) &>> 48)
    }
}

/// Bytes that were put back, before those of another source.
private struct PutBackSource: ByteSource {
    private var pieces: [[UInt8]]
    private var position = 0
    private var base: any ByteSource

    var name: String { base.name }
    var totalByteCount: Int? { base.totalByteCount }
    var encoding: InputEncoding { base.encoding }

    init(_ pieces: [[UInt8]], before source: any ByteSource) {
        self.pieces = pieces.reversed()
        base = source
        // Not to nest them.
        guard let earlier = source as? PutBackSource else { return }
        base = earlier.base
        var rest = earlier.pieces
        if let last = rest.popLast() { rest.append(Array(last.dropFirst(earlier.position))) }
        self.pieces = rest + self.pieces
    }

    mutating func read(into buffer: inout OutputSpan<UInt8>) throws(LoadError) -> Int {
        while let piece = pieces.last {
            let count = min(buffer.freeCapacity, piece.count - position)
            if position == piece.count {
                pieces.removeLast()
                position = 0
                continue
            }
            unsafe buffer.withUnsafeMutableBufferPointer { bytes, initialized in
                unsafe piece.withUnsafeBufferPointer { source in
                    guard let target = bytes.baseAddress, let origin = source.baseAddress else {
                        return
                    }
                    unsafe (target + initialized).update(from: origin + position, count: count)
                }
                initialized += count
            }
            position += count
            return count
        }
        return try base.read(into: &buffer)
    }
}
