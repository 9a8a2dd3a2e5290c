internal import PageFormat
internal import PostgresTypes

/// Tells whether bytes are a tuple of a table: its header, the places of its values, and the values
/// themselves must all be possible. Belongs to one thread.
struct TupleJudge {
    let shape: RescueShape
    /// Whether rows of fewer attributes are possible, since columns were added later.
    var acceptsShortRows = true
    private let writer: ValueWriter
    private var scratch = TextOutput()

    private enum Mask {
        /// Bits of `t_infomask2` that have no meaning.
        static let unused2: UInt16 = 0x1800
        /// Tuples of servers before 12 with an object id.
        static let hasOID: UInt16 = 0x0008
    }

    init(_ shape: RescueShape, _ writer: ValueWriter) {
        self.shape = shape
        self.writer = writer
    }

    /// The exact length of the tuple that begins at `offset`; nil if there is none that ends before
    /// `end`.
    mutating func length(_ page: RawSpan, at offset: Int, end: Int) -> Int? {
        guard offset >= 0, offset <= end, let bytes = try? page.part(offset, end - offset),
            let header = HeapTupleHeader(bytes), isPossible(header, bytes.byteCount)
        else { return nil }
        guard let length = try? valuesEnd(bytes, header) else { return nil }
        return length
    }

    /// Whether a tuple's header may begin at `offset`.
    func mayBegin(_ page: RawSpan, at offset: Int) -> Bool {
        guard let bytes = try? page.rest(offset), let header = HeapTupleHeader(bytes) else {
            return false
        }
        return isPossible(header, bytes.byteCount)
    }

    private func isPossible(_ header: HeapTupleHeader, _ available: Int) -> Bool {
        let count = header.attributeCount
        let hasNulls = header.flags.contains(.hasNulls)
        let bitmap = hasNulls ? (count + 7) / 8 : 0
        return header.infomask2 & Mask.unused2 == 0
            && header.flags.rawValue & Mask.hasOID == 0 && count <= shape.attributes.count
            && (acceptsShortRows || count == shape.attributes.count)
            && (count > 0 || shape.attributes.isEmpty)
            && Int(header.dataOffset) == PageLayout.align(PageLayout.tupleHeaderSize + bitmap)
            && Int(header.dataOffset) <= available
    }

    private mutating func valuesEnd(
        _ tuple: RawSpan, _ header: HeapTupleHeader
    ) throws(ValueFault) -> Int {
        let start = Int(header.dataOffset)
        let data = try tuple.rest(start)
        let hasNulls = header.flags.contains(.hasNulls)
        var (offset, nulls, varies, isExternal) = (0, 0, false, false)
        for index in 0..<header.attributeCount {
            if hasNulls, try isNull(tuple, index) {
                nulls += 1
                continue
            }
            let attribute = shape.attributes[index]
            let extent = try attribute.layout.extent(in: data, from: offset)
            // The server fills gaps with zeroes.
            for gap in offset..<max(offset, extent.lowerBound) {
                guard try data.byte(gap) == 0 else { throw .malformed("a gap is not zero") }
            }
            if attribute.layout.length < 0 { varies = true }
            if try check(data, extent, attribute) { isExternal = true }
            offset = extent.upperBound
        }
        let flags = header.flags
        guard hasNulls == (nulls > 0), flags.contains(.hasVariableWidth) == varies,
            flags.contains(.hasExternal) == isExternal
        else { throw .malformed("the header's flags contradict the values") }
        return start + offset
    }

    private func isNull(_ tuple: RawSpan, _ index: Int) throws(ValueFault) -> Bool {
        let byte = try tuple.byte(PageLayout.tupleHeaderSize + index >> 3)
        return byte >> UInt8(truncatingIfNeeded: index & 7) & 1 == 0
    }

    /// Checks a value. Returns whether it is stored out of line.
    private mutating func check(
        _ data: RawSpan, _ extent: Range<Int>, _ attribute: RescueAttribute
    ) throws(ValueFault) -> Bool {
        guard attribute.layout.isVarlena else {
            try check(try data.part(extent.lowerBound, extent.count), attribute)
            return false
        }
        switch try Varlena.form(of: data, extent) {
        case .plain(let range):
            try check(try data.part(range.lowerBound, range.count), attribute)
        case .compressed(let range, let compression):
            if attribute.isDropped { return false }
            let bytes = try compression.decompress(try data.part(range.lowerBound, range.count))
            unsafe try check(bytes.span.bytes, attribute)
        case .external(let pointer):
            guard pointer.value != 0, pointer.relation != 0, pointer.storedSize > 0,
                pointer.storedSize <= pointer.rawSize
            else { throw .malformed("a pointer is impossible") }
            return true
        }
        return false
    }

    private mutating func check(
        _ value: RawSpan, _ attribute: RescueAttribute
    ) throws(ValueFault) {
        if attribute.isDropped { return }
        if attribute.check != nil {
            if let fault = attribute.fault(in: value, isUTF8: shape.isUTF8) {
                throw .malformed(fault)
            }
            return
        }
        if case .name = attribute.form {
            let end = value.terminator(from: 0)
            let rest = try value.rest(end)
            guard end < value.byteCount, !rest.contains(where: { $0 != 0 }) else {
                throw .malformed("a name is not filled with zeroes")
            }
            return
        }
        scratch.clear()
        try writer.write(value, as: attribute.form, to: &scratch)
    }
}
