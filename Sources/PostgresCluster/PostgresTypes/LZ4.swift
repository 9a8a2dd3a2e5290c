internal import ToastFormat

/// Decompression of the LZ4 block format. Pure and bounded, like `PGLZ`.
package enum LZ4 {
    private static let greatestRatio = 256
    private static let leastMatch = 4

    /// Decompresses `input` to exactly `size` bytes, like `PGLZ`.
    package static func decompress(
        _ input: RawSpan, size: Int, behind prefix: consuming [UInt8]? = nil
    ) throws(ValueFault) -> [UInt8] {
        guard size <= input.byteCount &* greatestRatio else {
            throw .malformed("\(input.byteCount) compressed bytes cannot yield \(size)")
        }
        var output = OutputWindow(size: size, behind: prefix)
        _ = try decompress(input, into: &output) { _ in true }
        return output.bytes
    }

    /// Decompresses `input` in pieces, like `PGLZ`.
    package static func forEachPiece(
        of input: RawSpan, size: Int, _ take: (RawSpan) -> Bool
    ) throws(ValueFault) {
        guard size <= input.byteCount &* greatestRatio else {
            throw .malformed("\(input.byteCount) compressed bytes cannot yield \(size)")
        }
        var output = OutputWindow(size: size, keeping: farthestCopy)
        if try decompress(input, into: &output, take) { _ = output.passOn(take) }
    }

    /// How far back a copy can begin.
    private static let farthestCopy = 65_535

    /// Returns false if `take` did not want more.
    private static func decompress(
        _ input: RawSpan, into output: inout OutputWindow, _ take: (RawSpan) -> Bool
    ) throws(ValueFault) -> Bool {
        var position = 0
        let end = input.byteCount
        while position < end {
            let token = try input.byte(position)
            position &+= 1
            let literals = try length(Int(token >> 4), input, &position)
            guard try append(try input.part(position, literals), to: &output, take) else {
                return false
            }
            position &+= literals
            // The last sequence has only literals.
            if position == end { break }
            let distance = Int(try input.load(position, as: UInt16.self))
            position &+= 2
            var match = try length(Int(token & 15), input, &position) &+ leastMatch
            guard match <= output.room else { throw .malformed("a match runs over the end") }
            while match > 0 {
                let part = min(match, OutputWindow.pieceSize)
                guard output.copy(distance: distance, length: part) else {
                    throw .malformed("a copy begins before the value")
                }
                match &-= part
                if output.isLarge, !output.passOn(take) { return false }
            }
        }
        guard output.isFull else {
            throw .malformed("an LZ4 value does not have the size its header says")
        }
        return true
    }

    /// Appends literals in parts. Returns false if `take` did not want more.
    @inline(__always)
    private static func append(
        _ literals: RawSpan, to output: inout OutputWindow, _ take: (RawSpan) -> Bool
    ) throws(ValueFault) -> Bool {
        guard literals.byteCount <= output.room else {
            throw .malformed("a literal runs over the end")
        }
        var position = 0
        repeat {
            let part = min(literals.byteCount &- position, OutputWindow.pieceSize)
            _ = output.append(literals.extracting(position..<position &+ part))
            position &+= part
            if output.isLarge, !output.passOn(take) { return false }
        } while position < literals.byteCount
        return true
    }

    /// A length that begins in the token and continues in bytes while these are 255.
    @inline(__always)
    private static func length(
        _ start: Int, _ input: RawSpan, _ position: inout Int
    ) throws(ValueFault) -> Int {
        var length = start
        guard start == 15 else { return length }
        while true {
            let byte = try input.byte(position)
            position &+= 1
            length &+= Int(byte)
            if byte != 255 { return length }
        }
    }
}
