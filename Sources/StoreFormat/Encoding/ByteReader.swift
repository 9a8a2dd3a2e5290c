/// Why bytes could not be decoded.
package struct DecodingFailure: Error {
    /// What is wrong, as the end of a sentence that names the file.
    package let reason: String

    init(_ reason: String) { self.reason = reason }
}

/// Decodes a file's payload. Trusts nothing: every length is checked against the available bytes.
package struct ByteReader {
    private let bytes: [UInt8]
    /// Where the next byte is.
    private(set) var position: Int
    private let end: Int

    /// Reads a part of `bytes`, which lies within it.
    package init(_ bytes: [UInt8], _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    /// How many bytes have not been read.
    var remaining: Int { end - position }

    /// What was read since an earlier position.
    func bytes(since earlier: Int) -> ArraySlice<UInt8> { bytes[earlier..<position] }

    /// Passes those bytes if they come next; else stays and returns false.
    mutating func skip(_ known: ArraySlice<UInt8>) -> Bool {
        guard remaining >= known.count, bytes[position..<position + known.count] == known else {
            return false
        }
        position += known.count
        return true
    }

    /// Reads an integer in its own width.
    package mutating func read<Value: FixedWidthInteger>(_ what: String) throws(DecodingFailure)
        -> Value
    {
        let width = Value.bitWidth / 8
        guard remaining >= width else { throw DecodingFailure("it ends within \(what)") }
        var value: Value = 0
        for index in 0..<width {
            value |= Value(truncatingIfNeeded: bytes[position + index]) << Value(8 * index)
        }
        position += width
        return value
    }

    /// Reads an integer whose type the context does not determine.
    package mutating func read<Value: FixedWidthInteger>(_ type: Value.Type, _ what: String)
        throws(DecodingFailure) -> Value
    {
        try read(what)
    }

    /// Reads a count of items of at least `size` bytes each. Throws if the remaining bytes cannot
    /// hold that many.
    mutating func readCount(of what: String, size: Int) throws(DecodingFailure) -> Int {
        let count = Int(try read(UInt32.self, "the number of \(what)"))
        guard count <= remaining / size else {
            throw DecodingFailure("it says that it has \(count) \(what) and has no room for them")
        }
        return count
    }

    /// Reads a text.
    package mutating func readText(_ what: String) throws(DecodingFailure) -> String {
        let count = Int(try read(UInt16.self, "the length of \(what)"))
        guard remaining >= count else { throw DecodingFailure("it ends within \(what)") }
        defer { position += count }
        guard
            let text = String(
                validating: bytes[position..<(position + count)], as: UTF8.self)
        else { throw DecodingFailure("\(what) is not UTF-8") }
        return text
    }

    /// Throws unless everything was read.
    package func finish() throws(DecodingFailure) {
        guard remaining == 0 else {
            throw DecodingFailure("\(remaining) bytes follow where it should end")
        }
    }
}
