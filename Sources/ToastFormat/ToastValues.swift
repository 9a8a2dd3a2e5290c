internal import PageFormat

/// Reads values from the pages of a toast relation that loads have written. Belongs to one thread.
///
/// A load stores one value after the other, each in chunks in order, under numbers that ascend. So
/// the pages need no index: the first page of a value is found by its number, in O(log pages), or
/// near the end of the last value that was read. Chunks that others have written in another order,
/// as PostgreSQL may, are not found here.
package struct ToastValues<Pages: ToastPages>: ExternalValues {
    /// The last page that could not be read.
    package private(set) var failure: Pages.Failure?

    private var pages: Pages
    /// The number of the last value that was read, and the page with its last chunk.
    private var last: (value: UInt32, block: UInt32)?

    /// Makes a reader.
    package init(_ pages: Pages) { self.pages = pages }

    package mutating func read(_ pointer: ExternalPointer) throws(ValueLoss) -> [UInt8] {
        // Checked before the memory is asked for that a damaged pointer may claim.
        guard pointer.storedSize <= Int(pages.blockCount) * PageLayout.size else {
            throw ValueLoss(
                "value \(pointer.value) cannot have \(pointer.storedSize) bytes in"
                    + " \(pages.blockCount) pages")
        }
        var gathered = GatheredChunks(pointer)
        var block = pointer.chunkCount == 0 ? 0 : find(pointer.value)
        // Pages on the way to it may be those of other values.
        failure = nil
        while !gathered.isComplete, block < pages.blockCount {
            guard let state = page(block, { gathered.take($0) }) else {
                // Before the first chunk, the page may have been those of other values.
                if gathered.count > 0 { break }
                block += 1
                continue
            }
            if state == .isBehind || gathered.isComplete { break }
            block += 1
        }
        guard gathered.isComplete else { throw loss(pointer, gathered) }
        if pointer.chunkCount > 0 { last = (pointer.value, block) }
        return gathered.bytes
    }

    private func loss(_ pointer: ExternalPointer, _ gathered: GatheredChunks) -> ValueLoss {
        if let failure { return ValueLoss("value \(pointer.value) cannot be read: \(failure)") }
        if let fault = gathered.fault {
            return ValueLoss("value \(pointer.value) is damaged: \(fault)")
        }
        return ValueLoss(
            "chunk \(gathered.count) of value \(pointer.value), which has \(pointer.chunkCount), is"
                + " missing")
    }

    /// The greatest number of a value; 0 if there are none.
    ///
    /// - Throws: the failure of a page that cannot be read.
    package mutating func greatestValue() throws(Pages.Failure) -> UInt32 {
        failure = nil
        for block in (0..<pages.blockCount).reversed() {
            if let value = lastValue(on: block) { return value }
            if let failure { throw failure }
        }
        return 0
    }

    // MARK: Finding

    /// The first page whose last chunk is of that value or one behind it. Pages that cannot be read
    /// count as before it.
    private mutating func find(_ value: UInt32) -> UInt32 {
        var (low, high) = (UInt32(0), pages.blockCount)
        if let last {
            if value <= last.value {
                high = min(high, last.block)
            } else {
                (low, high) = near(value, from: last.block)
            }
        }
        while low < high {
            let middle = low + (high - low) / 2
            // The next page that can be read stands for those before it.
            var probe = middle
            var found: UInt32?
            while probe < high {
                found = lastValue(on: probe)
                if found != nil { break }
                probe += 1
            }
            guard let found else {
                high = middle
                continue
            }
            if found < value { low = probe + 1 } else { high = middle }
        }
        return low
    }

    /// Blocks between which the first page of a value lies, found in growing steps.
    private mutating func near(_ value: UInt32, from start: UInt32) -> (UInt32, UInt32) {
        var low = start
        var step: UInt32 = 0
        while true {
            let (probe, isTooFar) = start.addingReportingOverflow(step)
            guard !isTooFar, probe < pages.blockCount else { return (low, pages.blockCount) }
            if let found = lastValue(on: probe) {
                if found >= value { return (low, probe) }
                low = probe + 1
            }
            step = step == 0 ? 1 : step &* 2
            if step == 0 { return (low, pages.blockCount) }
        }
    }

    /// The number of the last chunk on a page; nil if it has none or cannot be read.
    private mutating func lastValue(on block: UInt32) -> UInt32? {
        page(block) { page in
            for number in page.linePointerNumbers.reversed() {
                if let tuple = try? page.tuple(number), let row = ChunkRow(tuple) {
                    return row.value
                }
            }
            return nil
        } ?? nil
    }

    private mutating func page<Result>(
        _ block: UInt32, _ body: (PageView) -> Result
    ) -> Result? {
        do throws(Pages.Failure) { return try pages.withPage(block, body) } catch {
            failure = error
            return nil
        }
    }
}

/// A row of a toast relation, taken apart.
private struct ChunkRow {
    let value: UInt32
    let sequence: UInt32
    /// Where the chunk's bytes are in the tuple.
    let bytes: Range<Int>

    /// Nil if the tuple is no such row.
    init?(_ tuple: HeapTupleView) {
        let span = tuple.bytes
        let start = tuple.dataOffset
        guard tuple.attributeCount == 3, !tuple.hasNulls,
            let first = try? span.byte(start + 8)
        else { return nil }
        value = span.word(start)
        sequence = span.word(start + 4)
        let header: Int
        let total: Int
        if first & 1 == 1 {
            (header, total) = (1, Int(first >> 1))
        } else {
            guard first & 3 == 0, start + 12 <= span.byteCount else { return nil }
            (header, total) = (4, Int(span.word(start + 8) >> 2))
        }
        guard total >= header, total <= span.byteCount - start - 8 else { return nil }
        bytes = (start + 8 + header)..<(start + 8 + total)
    }
}

/// The chunks of one value, as far as they were found.
private struct GatheredChunks {
    /// What follows a page.
    enum State { case mayContinue, isBehind }

    private(set) var bytes: [UInt8] = []
    /// How many there are.
    private(set) var count = 0
    /// What is wrong with the next one.
    private(set) var fault: String?

    private let pointer: ExternalPointer

    init(_ pointer: ExternalPointer) {
        self.pointer = pointer
        bytes.reserveCapacity(pointer.storedSize)
    }

    var isComplete: Bool { count == pointer.chunkCount }

    /// Takes the chunks of a page, in order.
    mutating func take(_ page: PageView) -> State {
        for number in page.linePointerNumbers where !isComplete && fault == nil {
            // A row that is not one may be of any value.
            guard let tuple = try? page.tuple(number), let row = ChunkRow(tuple),
                row.value >= pointer.value
            else { continue }
            if row.value > pointer.value { return .isBehind }
            take(Int(row.sequence), tuple.bytes.extracting(row.bytes))
        }
        return fault == nil ? .mayContinue : .isBehind
    }

    private mutating func take(_ sequence: Int, _ data: RawSpan) {
        let wanted = min(ToastChunk.size, pointer.storedSize - count * ToastChunk.size)
        guard sequence == count, data.byteCount == wanted else {
            fault =
                "chunk \(sequence) of \(data.byteCount) bytes stands where chunk \(count) of"
                + " \(wanted) should"
            return
        }
        unsafe data.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        count += 1
    }
}
