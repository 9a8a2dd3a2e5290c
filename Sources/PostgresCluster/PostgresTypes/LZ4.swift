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
        var position = 0
        let end = input.byteCount
        while position < end {
            let token = try input.byte(position)
            position &+= 1
            let literals = try length(Int(token >> 4), input, &position)
            guard output.append(try input.part(position, literals)) else {
                throw .malformed("a literal runs over the end")
            }
            position &+= literals
            // The last sequence has only literals.
            if position == end { break }
            let distance = Int(try input.load(position, as: UInt16.self))
            position &+= 2
            let match = try length(Int(token & 15), input, &position) &+ leastMatch
            guard match <= output.room else { throw .malformed("a match runs over the end") }
            guard output.copy(distance: distance, length: match) else {
                throw .malformed("a copy begins before the value")
            }
        }
        guard output.isFull else {
            throw .malformed("an LZ4 value does not have the size its header says")
        }
        return output.bytes
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
