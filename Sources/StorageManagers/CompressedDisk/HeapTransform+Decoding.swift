internal import StorageManager

/// Turns rearranged bytes back into pages.
extension HeapTransform {
    /// How many bytes after the input may be read, without influence on the result.
    static let slack = 8

    /// Reassembles pages.
    ///
    /// Trusts nothing: bytes that no encoding produces are refused or give some pages, but nothing
    /// outside the given memory is read or written.
    ///
    /// - Parameters:
    ///   - input: the output of encoding. The ``slack`` bytes after it must be readable too.
    ///   - pageCount: how many pages it was made of.
    ///   - wanted: which of them to reassemble.
    ///   - pages: the destinations, one for each wanted page.
    /// - Returns: false if the bytes are not such an encoding; the contents of the pages then mean
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

    /// The parts of an encoding. All except the remainders of the bodies were checked to lie within
    /// it.
    @safe
    private struct Parts {
        let counts: UnsafeRawPointer
        let pageHeaders: UnsafeRawPointer
        let lengths: UnsafeRawPointer
        let bits: UnsafeRawPointer
        let differences: UnsafeRawPointer
        let columns: UnsafeRawPointer
        let rests: UnsafeRawPointer
        /// After the remainders of the bodies.
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
            // Bits after the last tuple would be headers that no tuple takes.
            guard differing <= tuples, input.count >= beforeRests + irregularBytes else {
                return nil
            }
            unsafe differences = bits + bitBytes
            unsafe columns = differences + differing * headerSize
            unsafe rests = start + beforeRests
            unsafe irregularPages = start + input.count - irregularBytes
        }
    }

    /// The progress of reassembling pages.
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

        /// Writes one page to `target`, or skips it if nil.
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

        /// Writes a page's tuples and line pointers. Returns where the tuples begin; nil if they do
        /// not fit.
        private mutating func bringTuples(_ count: Int, to target: UnsafeMutableRawPointer?)
            -> Int?
        {
            // Local copies, which the compiler knows that no store through a pointer can change.
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

        /// Assembles one tuple, with zeroes up to the next multiple of 8. That much room exists,
        /// and the parts of the tuple were found to be there.
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
                // The caller of `decode` guarantees that the bytes after the rest are readable.
                let word = unsafe UInt64(littleEndian: rest.loadUnaligned(as: UInt64.self))
                let kept = word & (1 << UInt64(8 * left) - 1)
                unsafe place.storeBytes(of: kept.littleEndian, as: UInt64.self)
            }
        }
    }
}
