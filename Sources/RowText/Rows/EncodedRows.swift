public import PageFormat

/// Encoded rows that are not on pages yet, in order: one thread encodes them, another places them.
///
/// Owned by one thread at a time. Keeps its memory when it is emptied.
public struct EncodedRows: ~Copyable {
    /// The rows' tuples, each behind its length.
    private var tuples = ByteOutput(capacity: 256 << 10)
    /// Where the next row to place begins.
    private var position = 0
    /// How many records have been encoded.
    public private(set) var recordCount = 0
    /// The first record that could not be encoded; those behind it were not looked at.
    public private(set) var stop: Stop?

    /// A record that could not be encoded.
    public struct Stop: Sendable {
        /// The offset of its first byte in the reader's source.
        public var byteOffset: Int
        /// The line on which it begins, counted from one.
        public var line: Int
    }

    /// Makes an empty batch.
    public init() {}

    /// Whether all rows have been placed.
    public var isEmpty: Bool { position == tuples.count }

    /// Encodes the records of a reader up to its end, or to the first that cannot be encoded.
    /// Forgets what the batch had.
    public mutating func encode(
        _ reader: inout CSVReader, with encoder: inout RowEncoder
    ) {
        tuples.removeAll()
        position = 0
        recordCount = 0
        stop = nil
        do throws(LoadError) {
            while try reader.next() {
                try encoder.encode(&reader)
                do throws(PageFormatError) {
                    let tuple = try encoder.builder.formTuple()
                    tuples.append(UInt8(truncatingIfNeeded: tuple.byteCount))
                    tuples.append(UInt8(truncatingIfNeeded: tuple.byteCount >> 8))
                    tuples.append(tuple)
                } catch {
                    break
                }
                recordCount += 1
            }
            if reader.recordNumber == recordCount { return }
        } catch {
            // The reader that meets the record again says why.
        }
        stop = Stop(byteOffset: reader.byteOffset, line: reader.line)
    }

    /// Puts the next rows on a page, as many as fit.
    ///
    /// - Parameters:
    ///   - page: the page.
    ///   - block: its block.
    /// - Returns: how many rows that were.
    /// - Throws: what `PageEditor.place(_:block:)` throws.
    public mutating func place(
        on page: inout PageEditor, block: UInt32
    ) throws(PageFormatError) -> UInt64 {
        let (placed, end) = try Self.place(tuples.span, from: position, on: &page, block)
        position = end
        return placed
    }

    private static func place(
        _ bytes: Span<UInt8>, from start: Int, on page: inout PageEditor, _ block: UInt32
    ) throws(PageFormatError) -> (placed: UInt64, end: Int) {
        var placed: UInt64 = 0
        var position = start
        while position < bytes.count {
            let length = Int(bytes[position]) | Int(bytes[position + 1]) << 8
            let start = position + 2
            let tuple = unsafe bytes.extracting(start..<start + length).bytes
            guard try page.place(tuple, block: block) != nil else { break }
            position = start + length
            placed += 1
        }
        return (placed, position)
    }
}
