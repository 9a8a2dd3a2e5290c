package import PageFormat
package import PostgresTypes

extension TupleFields {
    /// Finds the values of a tuple up to column `last`, counted from zero.
    ///
    /// - Returns: the data that the slots' ranges are relative to.
    @_lifetime(copy tuple)
    package mutating func find(
        _ tuple: HeapTupleView, upTo last: Int
    ) throws(ValueFault) -> RawSpan {
        let data = tuple.bytes.extracting(tuple.dataOffset..<tuple.bytes.byteCount)
        let bitmap = try tuple.bytes.rest(PageLayout.tupleHeaderSize)
        let header = TupleFields.Header(
            storedCount: tuple.attributeCount, hasNulls: tuple.hasNulls)
        try find(data, header, bitmap: bitmap, upTo: last)
        return data
    }
}

extension TupleWriter {
    /// Writes fields of a tuple, starting at a position.
    package func write(
        _ tuple: HeapTupleView, from position: inout Position, to output: inout TextOutput
    ) throws(ValueFault) {
        let header = TupleFields.Header(
            storedCount: tuple.attributeCount, hasNulls: tuple.hasNulls)
        try write(
            tuple.bytes.extracting(tuple.dataOffset..<tuple.bytes.byteCount), header,
            bitmap: try tuple.bytes.rest(PageLayout.tupleHeaderSize), from: &position, to: &output)
    }
}
