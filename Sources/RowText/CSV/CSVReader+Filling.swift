extension CSVReader {
    /// Moves the current record to the beginning of the buffer and reads more of the source.
    ///
    /// Reads until the buffer is full: a pipe with small reads must not make a long record be
    /// scanned once per read.
    mutating func refill() throws(LoadError) {
        let isFirst = bufferOffset == 0 && cursor.limit == 0
        let pending = cursor.limit - recordStart
        if pending > options.maximumRecordLength {
            throw fatal(.recordTooLong(limit: options.maximumRecordLength), -1, at: recordStart)
        }
        if pending > capacity / 2 {
            grow(keeping: pending)
        } else {
            unsafe buffer.update(from: buffer + recordStart, count: pending)
        }
        bufferOffset += recordStart
        recordStart = 0
        nextStart = 0
        var limit = pending
        while limit < capacity && !sourceEnded {
            var span = unsafe OutputSpan(
                buffer: UnsafeMutableBufferPointer(
                    start: buffer + limit, count: capacity - limit), initializedCount: 0)
            let count = try source.read(into: &span)
            if count == 0 { sourceEnded = true }
            limit += count
        }
        pad(from: limit)
        if isFirst && limit >= 3 && byte(0) == 0xEF && byte(1) == 0xBB && byte(2) == 0xBF {
            nextStart = 3
        }
        unsafe cursor = CSVCursor(base: buffer, start: nextStart, limit: limit, scanner: scanner)
    }

    /// Fills the padding behind the valid bytes. It must not be structural, whatever the delimiter.
    mutating func pad(from limit: Int) {
        let filler: UInt8 = delimiter == 0x7F ? 0x7E : 0x7F
        unsafe (buffer + limit).update(repeating: filler, count: CSVCursor.padding)
    }

    /// The byte at `offset` in the buffer.
    @inline(__always)
    func byte(_ offset: Int) -> UInt8 {
        assert(offset >= 0 && offset < capacity + CSVCursor.padding)
        return unsafe buffer[offset]
    }

    private mutating func grow(keeping pending: Int) {
        let larger = capacity * 2
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger + CSVCursor.padding)
        unsafe moved.update(from: buffer + recordStart, count: pending)
        unsafe buffer.deallocate()
        unsafe buffer = unsafe moved
        capacity = larger
    }

    /// Doubles the capacity for fields.
    @inline(never)
    mutating func growFields() {
        let larger = fieldCapacity * 2
        let moved = UnsafeMutablePointer<CSVField>.allocate(capacity: larger)
        unsafe moved.update(from: fields, count: fieldCapacity)
        unsafe fields.deallocate()
        unsafe fields = unsafe moved
        fieldCapacity = larger
    }
}
