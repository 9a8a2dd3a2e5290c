internal import StorageManager

/// From the rearranged bytes to pages.
extension HeapTransform {
    /// How many bytes behind the input may be read, though nothing comes of them.
    static let slack = 8

    /// Puts pages together again.
    ///
    /// Trusts nothing: bytes that no encoding gives are refused or give some pages, but nothing
    /// outside the memory given is read or written.
    ///
    /// - Parameters:
    ///   - input: what encoding gave; the ``slack`` bytes behind it are readable as well.
    ///   - pageCount: how many pages it was of.
    ///   - wanted: which of them to bring.
    ///   - pages: where to, one for each wanted.
    /// - Returns: false for bytes that are not such an encoding; what is in the pages then means
    ///   nothing.
    static func decode(
        _ input: UnsafeRawBufferPointer, pageCount: Int, wanted: Range<Int>,
        into pages: Span<PageAddress>
    ) -> Bool {
        guard let parts = unsafe Parts(input, pageCount: pageCount) else { return false }
        var cursor = Cursor(parts)
        for position in 0..<pageCount {
            let target =
                wanted.contains(position)
                ? unsafe pages[position - wanted.lowerBound].pointer : nil
            guard unsafe cursor.bringPage(position, to: target) else { return false }
        }
        return cursor.isAtEnd
    }

    /// Where the parts of an encoding are; all but the remainders of the bodies have been checked
    /// to lie within it.
    @safe
    private struct Parts {
        let counts: UnsafeRawPointer
        let pageHeaders: UnsafeRawPointer
        let lengths: UnsafeRawPointer
        let bits: UnsafeRawPointer
        let differences: UnsafeRawPointer
        let columns: UnsafeRawPointer
        let rests: UnsafeRawPointer
        /// Behind the remainders of the bodies.
        let irregularPages: UnsafeRawPointer
        let prefix: Int
        let tuples: Int

        init?(_ input: UnsafeRawBufferPointer, pageCount: Int) {
            let fixed = 2 + 2 * pageCount
            guard let start = input.baseAddress, pageCount > 0,
                pageCount <= maximumPages, input.count >= fixed
            else { return nil }
            prefix = unsafe Int(UInt16(littleEndian: start.loadUnaligned(as: UInt16.self)))
            guard prefix & 7 == 0, prefix <= blockSize else { return nil }
            var (tuples, regular) = (0, 0)
            for position in 0..<pageCount {
                let count = unsafe UInt16(
                    littleEndian: start.loadUnaligned(
                        fromByteOffset: 2 + 2 * position, as: UInt16.self))
                if count == irregular { continue }
                guard Int(count) <= maximumTuples / maximumPages else { return nil }
                tuples += Int(count)
                regular += 1
            }
            self.tuples = tuples
            let bitBytes = (tuples + 7) / 8
            let beforeBits = fixed + regular * headerSize + 2 * tuples
            guard input.count >= beforeBits + bitBytes else { return nil }
            unsafe counts = start + 2
            unsafe pageHeaders = start + fixed
            unsafe lengths = pageHeaders + regular * headerSize
            unsafe bits = start + beforeBits
            var differing = 0
            for byte in 0..<bitBytes {
                differing += unsafe bits.load(fromByteOffset: byte, as: UInt8.self).nonzeroBitCount
            }
            let beforeRests = beforeBits + bitBytes + differing * headerSize + prefix * tuples
            let irregularBytes = (pageCount - regular) * blockSize
            // Bits behind the last tuple would be headers that nobody takes.
            guard differing <= tuples, input.count >= beforeRests + irregularBytes else {
                return nil
            }
            unsafe differences = bits + bitBytes
            unsafe columns = differences + differing * headerSize
            unsafe rests = start + beforeRests
            unsafe irregularPages = start + input.count - irregularBytes
        }
    }

    /// How far the pages have been brought.
    @safe
    private struct Cursor {
        private let parts: Parts
        private var pageHeader: UnsafeRawPointer
        private var difference: UnsafeRawPointer
        private var rest: UnsafeRawPointer
        private var irregularPage: UnsafeRawPointer
        private var tuple = 0
        private var predicted = TupleHeader()

        init(_ parts: Parts) {
            self.parts = parts
            unsafe pageHeader = parts.pageHeaders
            unsafe difference = parts.differences
            unsafe rest = parts.rests
            unsafe irregularPage = parts.irregularPages
        }

        var isAtEnd: Bool { unsafe rest == parts.irregularPages }

        /// Brings one page to `target`, or only passes it.
        mutating func bringPage(_ position: Int, to target: UnsafeMutableRawPointer?) -> Bool {
            predicted.beginPage()
            let count = unsafe UInt16(
                littleEndian: parts.counts.loadUnaligned(
                    fromByteOffset: 2 * position, as: UInt16.self))
            if count == irregular {
                unsafe target?.copyMemory(from: irregularPage, byteCount: blockSize)
                unsafe irregularPage += blockSize
                return true
            }
            guard let start = unsafe bringTuples(Int(count), to: target) else { return false }
            if let target = unsafe target {
                let lower = headerSize + 4 * Int(count)
                unsafe target.copyMemory(from: pageHeader, byteCount: headerSize)
                unsafe (target + lower).initializeMemory(
                    as: UInt8.self, repeating: 0, count: start - lower)
            }
            unsafe pageHeader += headerSize
            return true
        }

        /// Brings a page's tuples and line pointers; where the tuples begin, nil if they do not
        /// fit.
        private mutating func bringTuples(_ count: Int, to target: UnsafeMutableRawPointer?)
            -> Int?
        {
            // Copies, which no store through a pointer can be taken to change.
            let prefix = parts.prefix
            let stride = 8 * parts.tuples
            let lengths = unsafe parts.lengths + tuple
            let highs = unsafe lengths + parts.tuples
            let columns = unsafe parts.columns + 8 * tuple
            let bits = unsafe parts.bits
            var rest = unsafe self.rest
            var predicted = self.predicted
            let lower = headerSize + 4 * count
            var start = blockSize
            for number in 0..<count {
                let length =
                    unsafe Int(lengths.load(fromByteOffset: number, as: UInt8.self))
                    | Int(highs.load(fromByteOffset: number, as: UInt8.self)) << 8
                start -= (length + 7) & ~7
                let restCount = length - headerSize - prefix
                guard restCount >= 0, start >= lower,
                    unsafe parts.irregularPages - rest >= restCount
                else { return nil }
                predicted.advance()
                let place = tuple + number
                let byte = unsafe bits.load(fromByteOffset: place >> 3, as: UInt8.self)
                if byte & (1 << UInt8(truncatingIfNeeded: place & 7)) != 0 {
                    // As many were counted as there are bits, and each is taken once.
                    predicted = unsafe TupleHeader(difference).difference(predicted)
                    unsafe difference += headerSize
                }
                if let target = unsafe target {
                    let pointer = UInt32(start) | 1 << 15 | UInt32(length) << 17
                    unsafe target.storeBytes(
                        of: pointer.littleEndian, toByteOffset: headerSize + 4 * number,
                        as: UInt32.self)
                    unsafe Self.bringTuple(
                        to: target + start, predicted, columns + 8 * number, stride, prefix, rest,
                        restCount)
                }
                unsafe rest += restCount
            }
            unsafe self.rest = unsafe rest
            self.predicted = predicted
            tuple += count
            return start
        }

        /// Puts one tuple together, zeroes up to the next multiple of 8 with it. There is that much
        /// room, and the parts of the tuple have been found to be there.
        @inline(__always)
        private static func bringTuple(
            to target: UnsafeMutableRawPointer, _ header: TupleHeader,
            _ columns: UnsafeRawPointer, _ stride: Int, _ prefix: Int, _ rest: UnsafeRawPointer,
            _ restCount: Int
        ) {
            unsafe header.store(target)
            var column = unsafe columns
            var place = unsafe target + headerSize
            let end = unsafe place + prefix
            while unsafe place < end {
                let word = unsafe column.loadUnaligned(as: UInt64.self)
                unsafe place.storeBytes(of: word, as: UInt64.self)
                unsafe column += stride
                unsafe place += 8
            }
            var rest = unsafe rest
            var left = restCount
            while left >= 8 {
                let word = unsafe rest.loadUnaligned(as: UInt64.self)
                unsafe place.storeBytes(of: word, as: UInt64.self)
                unsafe rest += 8
                unsafe place += 8
                left -= 8
            }
            if left > 0 {
                // What is behind the rest is readable, as the caller of `decode` sees to.
                let word = unsafe UInt64(littleEndian: rest.loadUnaligned(as: UInt64.self))
                let kept = word & (1 << UInt64(8 * left) - 1)
                unsafe place.storeBytes(of: kept.littleEndian, as: UInt64.self)
            }
        }
    }
}
