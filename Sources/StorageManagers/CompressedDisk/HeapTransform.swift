internal import StorageManager

/// Rearranges the pages of a chunk so that similar data is together, which zstd then finds at once.
/// Parts of PostgreSQL's heap pages that follow from others are omitted, and the fields that all
/// rows have at the same position become columns.
///
/// Accepts any pages and restores them to the bit. A page is *regular* if it has only a header,
/// line pointers of normal tuples, zeroes, and the tuples, packed from the end in the order of the
/// line pointers. Other pages stay unchanged. All numbers are little-endian:
///
/// | bytes | |
/// |---|---|
/// | 2 | P: how many bytes of each tuple's body are kept as columns, a multiple of 8 |
/// | 2 × pages | number of tuples on the page; 65535 if it is not regular |
/// | 24 × regular pages | the page headers |
/// | n | the low bytes of the lengths of all n tuples, including headers |
/// | n | their high bytes |
/// | (n + 7) / 8 | one bit per tuple, lowest first: whether its header is not as predicted |
/// | 24 × bits set | those headers, exclusive-or the prediction |
/// | P × n | the first 8 bytes of all bodies, the second 8 bytes of all bodies, … |
/// | the rest | the remainders of the bodies, then the pages that are not regular |
///
/// The header of a tuple, its first 24 bytes, is predicted to be that of the previous tuple with
/// the next position in `t_ctid`. Where a page begins, the position is 1 and the block advances by
/// the number of pages.
@safe
struct HeapTransform {
    /// The most pages that a chunk has.
    static let maximumPages = 16
    /// A chunk's greatest number of tuples: a page of tuples of 24 bytes each has 292.
    static let maximumTuples = maximumPages * 292
    static let irregular = UInt16.max
    static let headerSize = 24

    /// The greatest size of the result.
    static func maximumSize(pages: Int) -> Int { pages * (blockSize + 64) + 64 }

    /// The positions of the tuples in the pages being encoded. `maximumTuples` entries each,
    /// allocated until ``free()``; the first `count` are set.
    private let places: UnsafeMutablePointer<UnsafePointer<UInt8>>
    private let lengths: UnsafeMutablePointer<UInt16>
    private var count = 0

    init() {
        unsafe places = .allocate(capacity: Self.maximumTuples)
        unsafe lengths = .allocate(capacity: Self.maximumTuples)
    }

    func free() {
        unsafe places.deallocate()
        unsafe lengths.deallocate()
    }

    // MARK: Encoding

    /// Rearranges pages.
    ///
    /// - Parameters:
    ///   - hasColumns: whether the parts of the bodies that all tuples have become columns.
    ///   - output: room for ``maximumSize(pages:)``.
    /// - Returns: how many bytes were written; nil if no page is regular and has tuples.
    mutating func encode(
        _ pages: Span<PageAddress>, hasColumns: Bool, into output: UnsafeMutableRawBufferPointer
    ) -> Int? {
        precondition(pages.count <= Self.maximumPages && !pages.isEmpty)
        precondition(output.count >= Self.maximumSize(pages: pages.count))
        let out = output.baseAddress!
        count = 0
        var shortest = Int.max
        var end = 2 + 2 * pages.count
        for position in pages.indices {
            let page = unsafe UnsafeRawPointer(pages[position].pointer)
            let tuples = unsafe collect(page, &shortest)
            unsafe out.storeBytes(
                of: (tuples.map { UInt16($0) } ?? Self.irregular).littleEndian,
                toByteOffset: 2 + 2 * position, as: UInt16.self)
            if tuples != nil {
                unsafe (out + end).copyMemory(from: page, byteCount: Self.headerSize)
                end += Self.headerSize
            }
        }
        if count == 0 { return nil }
        let prefix = hasColumns ? (shortest - Self.headerSize) & ~7 : 0
        unsafe out.storeBytes(of: UInt16(prefix).littleEndian, as: UInt16.self)
        for tuple in 0..<count {
            unsafe (out + end).storeBytes(
                of: UInt8(truncatingIfNeeded: lengths[tuple]), as: UInt8.self)
            unsafe (out + end + count).storeBytes(
                of: UInt8(lengths[tuple] >> 8), as: UInt8.self)
            end += 1
        }
        end += count
        end = unsafe encodeHeaders(pages, out, end)
        for column in stride(from: 0, to: prefix, by: 8) {
            for tuple in 0..<count {
                let word = unsafe UnsafeRawPointer(places[tuple]).loadUnaligned(
                    fromByteOffset: Self.headerSize + column, as: UInt64.self)
                unsafe (out + end).storeBytes(of: word, as: UInt64.self)
                end += 8
            }
        }
        for tuple in 0..<count {
            let start = Self.headerSize + prefix
            let rest = unsafe Int(lengths[tuple]) - start
            unsafe (out + end).copyMemory(from: places[tuple] + start, byteCount: rest)
            end += rest
        }
        for position in pages.indices {
            let tuples = unsafe out.loadUnaligned(
                fromByteOffset: 2 + 2 * position, as: UInt16.self)
            guard tuples == Self.irregular else { continue }
            unsafe (out + end).copyMemory(
                from: pages[position].pointer, byteCount: blockSize)
            end += blockSize
        }
        return end
    }

    /// Collects the tuples of a page if it is regular. Returns their number.
    private mutating func collect(_ page: UnsafeRawPointer, _ shortest: inout Int) -> Int? {
        func field(_ offset: Int) -> Int {
            unsafe Int(UInt16(littleEndian: page.load(fromByteOffset: offset, as: UInt16.self)))
        }
        let (lower, upper, special) = (field(12), field(14), field(16))
        guard lower >= Self.headerSize, lower & 3 == 0, lower <= upper, upper <= blockSize,
            special == blockSize
        else { return nil }
        let tuples = (lower - Self.headerSize) / 4
        guard count + tuples <= Self.maximumTuples else { return nil }
        var end = blockSize
        var least = shortest
        for tuple in 0..<tuples {
            let pointer = unsafe UInt32(
                littleEndian: page.load(
                    fromByteOffset: Self.headerSize + 4 * tuple, as: UInt32.self))
            let length = Int(pointer >> 17)
            let start = end - (length + 7) & ~7
            // Normal, at the place that follows from the previous ones, with zeroes after it.
            guard length >= Self.headerSize, start >= upper,
                Int(pointer & 0x7FFF) == start, pointer >> 15 & 3 == 1
            else { return nil }
            for padding in start + length..<end
            where unsafe page.load(fromByteOffset: padding, as: UInt8.self) != 0 { return nil }
            unsafe places[count + tuple] = (page + start).assumingMemoryBound(to: UInt8.self)
            unsafe lengths[count + tuple] = UInt16(length)
            least = min(least, length)
            end = start
        }
        guard end == upper, unsafe Self.isZero(page + lower, upper - lower) else { return nil }
        count += tuples
        shortest = least
        return tuples
    }

    private static func isZero(_ start: UnsafeRawPointer, _ byteCount: Int) -> Bool {
        // Starts at a multiple of 4, ends at a multiple of 8.
        var offset = 0
        if byteCount & 7 != 0 {
            if unsafe start.load(as: UInt32.self) != 0 { return false }
            offset = 4
        }
        var bits: UInt64 = 0
        while offset < byteCount {
            unsafe bits |= start.load(fromByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        return bits == 0
    }

    private func encodeHeaders(
        _ pages: Span<PageAddress>, _ out: UnsafeMutableRawPointer, _ start: Int
    ) -> Int {
        let bits = unsafe (out + start).initializeMemory(
            as: UInt8.self, repeating: 0, count: (count + 7) / 8)
        var end = start + (count + 7) / 8
        var predicted = TupleHeader()
        var tuple = 0
        for position in pages.indices {
            predicted.beginPage()
            let tuples = unsafe UInt16(
                littleEndian: out.loadUnaligned(
                    fromByteOffset: 2 + 2 * position, as: UInt16.self))
            guard tuples != Self.irregular else { continue }
            for _ in 0..<tuples {
                predicted.advance()
                let found = unsafe TupleHeader(UnsafeRawPointer(places[tuple]))
                if !found.equals(predicted) {
                    unsafe bits[tuple >> 3] |= 1 << UInt8(tuple & 7)
                    unsafe found.difference(predicted).store(out + end)
                    end += Self.headerSize
                    predicted = found
                }
                tuple += 1
            }
        }
        return end
    }
}
