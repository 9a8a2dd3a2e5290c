internal import PageFormat

/// PostgreSQL's own compression: a control byte precedes each eight items, and each item is a
/// literal byte or a copy from up to 4095 bytes before. Pure and bounded: time and memory are those
/// of the result, whose size is checked against what the input can yield before it is allocated.
package enum PGLZ {
    /// The most bytes that one byte of input can yield: a copy of 273 bytes takes three.
    private static let greatestRatio = 96

    /// The shortest and the longest copy, and how far back it can begin.
    static let leastCopy = 3
    static let longestCopy = 273
    static let farthestCopy = 4095

    /// Decompresses `input` to exactly `size` bytes.
    ///
    /// - Parameter prefix: text that the result begins with, and which may have to be quoted.
    package static func decompress(
        _ input: RawSpan, size: Int, behind prefix: consuming [UInt8]? = nil
    ) throws(CompressionFault) -> [UInt8] {
        guard size <= input.byteCount &* greatestRatio else {
            throw CompressionFault("\(input.byteCount) compressed bytes cannot yield \(size)")
        }
        var output = OutputWindow(size: size, behind: prefix)
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
                    guard output.copy(distance: distance, length: min(length, output.room)) else {
                        throw CompressionFault("a copy begins before the value")
                    }
                }
                control >>= 1
            }
        }
        guard output.isFull, position == end else {
            throw CompressionFault("a pglz value does not have the size its header says")
        }
        return output.bytes
    }

    /// The size of a value of which a tuple or chunks hold those bytes, as they say.
    package static func expandedSize(of stored: RawSpan) -> Int {
        stored.byteCount < StoredForm.wordSize ? 0 : Int(stored.word(0) & sizeMask)
    }

    private static let sizeMask: UInt32 = 0x3FFF_FFFF

    /// Decompresses what a tuple or chunks hold of a compressed value: a word with size and method,
    /// and the compressed bytes.
    ///
    /// - Parameter rawSize: the size that a pointer says; nil if none does.
    package static func expand(
        _ stored: RawSpan, rawSize: Int? = nil
    ) throws(CompressionFault) -> [UInt8] {
        guard stored.byteCount >= StoredForm.wordSize else {
            throw CompressionFault("a compressed value of \(stored.byteCount) bytes is too short")
        }
        let word = stored.word(0)
        let size = Int(word & sizeMask)
        guard word >> 30 == 0 else {
            throw CompressionFault("it was compressed by method \(word >> 30), which is not pglz")
        }
        guard rawSize ?? size == size else {
            throw CompressionFault("a pointer and its value disagree about the value's size")
        }
        return try decompress(
            stored.extracting(StoredForm.wordSize..<stored.byteCount), size: size)
    }
}

extension [UInt8] {
    /// Makes room for a text that may have to be quoted once it is there. Memory that is not used
    /// then is not there. Repeated calls take time proportional to the bytes.
    package mutating func reserveForText(of size: Int) {
        let needed = count + 2 * size
        if needed > capacity { reserveCapacity(Swift.max(needed, count + capacity)) }
    }
}

/// Decompressed bytes, parts of which are copied again. Never exceeds its initial size.
package struct OutputWindow {
    /// The bytes, behind those that were there before.
    package private(set) var bytes: [UInt8]
    /// Where they begin, and where they end at last.
    private let start: Int
    private let end: Int

    package init(size: Int, behind prefix: consuming [UInt8]?) {
        let isText = prefix != nil
        bytes = prefix ?? []
        start = bytes.count
        end = start &+ size
        if isText { bytes.reserveForText(of: size) } else { bytes.reserveCapacity(end) }
    }

    @inline(__always)
    package var room: Int { end &- bytes.count }
    @inline(__always)
    package var isFull: Bool { bytes.count >= end }

    /// Appends a byte. Callers must check ``isFull`` first.
    @inline(__always)
    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    /// Appends bytes of the input. Returns false if they run over the end.
    package mutating func append(_ span: RawSpan) -> Bool {
        guard span.byteCount <= room else { return false }
        unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        return true
    }

    /// Appends a copy of `length` bytes, at most ``room``, starting `distance` bytes before the
    /// end. The copy may overlap its source. Returns false if it does not begin within the value,
    /// or runs over the end.
    package mutating func copy(distance: Int, length: Int) -> Bool {
        guard distance >= 1, distance <= bytes.count &- start, length >= 0, length <= room else {
            return false
        }
        let source = bytes.count &- distance
        // Copies byte by byte: with a slice of the array, each copy would copy the whole array.
        for index in 0..<length { bytes.append(bytes[source &+ index]) }
        return true
    }
}
