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
        _ = try decompress(input, into: &output) { _ in true }
        return output.bytes
    }

    /// Decompresses `input` to exactly `size` bytes, and calls `take` with one part of them after
    /// another, until it returns false. Memory does not grow with the size.
    package static func forEachPiece(
        of input: RawSpan, size: Int, _ take: (RawSpan) -> Bool
    ) throws(CompressionFault) {
        guard size <= input.byteCount &* greatestRatio else {
            throw CompressionFault("\(input.byteCount) compressed bytes cannot yield \(size)")
        }
        var output = OutputWindow(size: size, keeping: farthestCopy)
        if try decompress(input, into: &output, take) { _ = output.passOn(take) }
    }

    /// Returns false if `take` did not want more.
    @inline(__always)
    private static func decompress(
        _ input: RawSpan, into output: inout OutputWindow, _ take: (RawSpan) -> Bool
    ) throws(CompressionFault) -> Bool {
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
            if output.isLarge, !output.passOn(take) { return false }
        }
        guard output.isFull, position == end else {
            throw CompressionFault("a pglz value does not have the size its header says")
        }
        return true
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
