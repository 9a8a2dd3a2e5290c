/// Decompression of PostgreSQL's own format: a control byte precedes each eight items, and each
/// item is a literal byte or a copy from up to 4095 bytes before. Pure and bounded: time and memory
/// are those of the result, whose size is checked against what the input can yield before it is
/// allocated.
package enum PGLZ {
    /// The most bytes that one byte of input can yield: a copy of 273 bytes takes three.
    private static let greatestRatio = 96

    /// Decompresses `input` to exactly `size` bytes.
    package static func decompress(_ input: RawSpan, size: Int) throws(ValueFault) -> [UInt8] {
        guard size <= input.byteCount &* greatestRatio else {
            throw .malformed("\(input.byteCount) compressed bytes cannot yield \(size)")
        }
        var output = OutputWindow(size: size)
        var position = 0
        let end = input.byteCount
        while position < end && !output.isFull {
            var control = try input.byte(position)
            position &+= 1
            for _ in 0..<8 {
                if position >= end || output.isFull { break }
                if control & 1 == 0 {
                    output.append(try input.byte(position))
                    position &+= 1
                } else {
                    let first = try input.byte(position)
                    let second = try input.byte(position &+ 1)
                    position &+= 2
                    var length = Int(first & 15) &+ 3
                    let distance = Int(first & 0xF0) << 4 | Int(second)
                    if length == 18 {
                        length &+= Int(try input.byte(position))
                        position &+= 1
                    }
                    try output.copy(distance: distance, length: min(length, output.room))
                }
                control >>= 1
            }
        }
        guard output.isFull, position == end else {
            throw .malformed("a pglz value does not have the size its header says")
        }
        return output.bytes
    }
}

/// Decompressed bytes, parts of which are copied again. Never exceeds its initial size.
struct OutputWindow {
    private(set) var bytes: [UInt8]
    private let size: Int

    init(size: Int) {
        self.size = size
        bytes = []
        bytes.reserveCapacity(size)
    }

    @inline(__always)
    var room: Int { size &- bytes.count }
    @inline(__always)
    var isFull: Bool { bytes.count >= size }

    /// Appends a byte. Callers must check ``isFull`` first.
    @inline(__always)
    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    /// Appends bytes of the input.
    mutating func append(_ span: RawSpan) throws(ValueFault) {
        guard span.byteCount <= room else { throw .malformed("a literal runs over the end") }
        unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    /// Appends a copy of `length` bytes, at most ``room``, starting `distance` bytes before the
    /// end. The copy may overlap its source.
    mutating func copy(distance: Int, length: Int) throws(ValueFault) {
        guard distance >= 1, distance <= bytes.count, length >= 0, length <= room else {
            throw .malformed("a copy begins before the value")
        }
        let start = bytes.count &- distance
        // Copies byte by byte: with a slice of the array, each copy would copy the whole array.
        for index in 0..<length { bytes.append(bytes[start &+ index]) }
    }
}
