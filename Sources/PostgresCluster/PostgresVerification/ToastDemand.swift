internal import PageFormat
internal import PostgresTypes

/// The out-of-line values that a table's rows point to, and the chunks of them that were found.
/// Memory is bounded: beyond ``mostValues`` the table is read again later, from ``next`` on.
/// Mirrors `check_toasted_attribute`, which looks up each value in an index instead.
final class ToastDemand {
    /// A value, and what was found of it.
    private struct Value {
        let number: UInt32
        let block: UInt32
        let linePointer: OffsetNumber
        let size: Int
        let chunks: Int
        /// Where its bits begin, one for each chunk.
        let firstBit: Int
        var found = 0
        /// The first chunk that is impossible, and its bytes; nil if there is none.
        var wrong: (chunk: Int, bytes: Int)?
    }

    /// A pointer of a row that a new transaction sees.
    struct Pointer: Sendable {
        let value: UInt32
        let storedSize: UInt32
        let block: UInt32
        let linePointer: OffsetNumber

        init(_ pointer: ToastPointer, _ block: UInt32, _ linePointer: OffsetNumber) {
            value = pointer.value
            storedSize = UInt32(clamping: pointer.storedSize)
            self.block = block
            self.linePointer = linePointer
        }
    }

    /// A row of a TOAST relation: value, number, and how many bytes; negative if these cannot be
    /// found.
    struct Chunk: Sendable {
        let value: UInt32
        let number: Int32
        let bytes: Int32
    }

    private var values: [Value] = []
    private var indexes: [UInt32: Int] = [:]
    private var bits: [UInt64] = []
    private var bitCount = 0
    /// The first block whose pointers were not all taken; nil if all were.
    private(set) var next: UInt32?

    /// The size of every chunk but the last.
    private static let chunkSize = 1996
    /// How many values and chunks are followed at a time: about 40 MB.
    static let mostValues = 1 << 19
    private static let mostBits = 1 << 26

    var isEmpty: Bool { values.isEmpty }
    var count: Int { values.count }

    /// Takes a pointer. They come in the order of their blocks.
    func add(_ pointer: Pointer) {
        if next != nil { return }
        let size = Int(pointer.storedSize)
        let chunks = (size + Self.chunkSize - 1) / Self.chunkSize
        guard values.count < Self.mostValues, bitCount + chunks <= Self.mostBits || values.isEmpty
        else {
            next = pointer.block
            return
        }
        if indexes[pointer.value] != nil { return }
        indexes[pointer.value] = values.count
        values.append(
            Value(
                number: pointer.value, block: pointer.block, linePointer: pointer.linePointer,
                size: size, chunks: chunks, firstBit: bitCount))
        bitCount += chunks
        let missing = (bitCount + 63) / 64 - bits.count
        if missing > 0 { bits.append(contentsOf: repeatElement(0, count: missing)) }
    }

    /// What a row of a TOAST relation says; nil if it is no chunk.
    static func chunk(_ tuple: RawSpan, _ header: HeapTupleHeader) -> Chunk? {
        // Rows left by a failed transaction may have another value's number.
        if header.flags.contains(.xminInvalid) && !header.flags.contains(.xminCommitted) {
            return nil
        }
        guard !header.flags.contains(.hasNulls), let data = try? tuple.rest(Int(header.dataOffset)),
            let value: UInt32 = try? data.load(0), let number: Int32 = try? data.load(4)
        else { return nil }
        return Chunk(value: value, number: number, bytes: Int32(clamping: bytes(data) ?? -1))
    }

    /// Takes a chunk.
    func take(_ chunk: Chunk) {
        guard let index = indexes[chunk.value] else { return }
        let value = values[index]
        let number = Int(chunk.number)
        let last = value.chunks - 1
        let expected = number < last ? Self.chunkSize : value.size - last * Self.chunkSize
        guard number >= 0, number <= last, Int(chunk.bytes) == expected else {
            if value.wrong == nil { values[index].wrong = (number, Int(chunk.bytes)) }
            return
        }
        let bit = value.firstBit + number
        if bits[bit / 64] >> UInt64(bit % 64) & 1 == 0 {
            bits[bit / 64] |= 1 << UInt64(bit % 64)
            values[index].found += 1
        }
    }

    private static func bytes(_ data: RawSpan) -> Int? {
        guard let extent = try? ValueLayout.varlena.extent(in: data, from: 8),
            case .plain(let range) = try? Varlena.form(of: data, extent)
        else { return nil }
        return range.count
    }

    /// Calls `report` with the values that are not complete, and forgets all.
    func finish(_ report: (UInt32, OffsetNumber, String) -> Void) {
        for value in values where value.found < value.chunks || value.wrong != nil {
            report(value.block, value.linePointer, Self.reason(value, firstMissing(value)))
        }
        values = []
        indexes = [:]
        bits = []
        bitCount = 0
        next = nil
    }

    private func firstMissing(_ value: Value) -> Int? {
        (0..<value.chunks).first { chunk in
            let bit = value.firstBit + chunk
            return bits[bit / 64] >> UInt64(bit % 64) & 1 == 0
        }
    }

    private static func reason(_ value: Value, _ missing: Int?) -> String {
        let name = "value \(value.number), stored out of line,"
        if value.found == 0 && value.wrong == nil { return "\(name) is not in the TOAST relation" }
        if let wrong = value.wrong {
            return wrong.chunk < 0 || wrong.chunk >= value.chunks
                ? "\(name) has a chunk \(wrong.chunk), but only \(value.chunks) chunks"
                : "\(name) has \(wrong.bytes) bytes in chunk \(wrong.chunk), which is not its size"
        }
        return "\(name) lacks chunk \(missing ?? 0) and \(value.chunks - value.found - 1) others"
    }
}
