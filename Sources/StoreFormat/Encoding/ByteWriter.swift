/// Builds a file's payload: integers little-endian, texts as UTF-8 after their length.
package struct ByteWriter {
    /// The bytes written so far.
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// Makes a writer with room for that many bytes.
    init(reserving count: Int) { bytes.reserveCapacity(count) }

    /// Writes an integer in its own width.
    package mutating func write<Value: FixedWidthInteger>(_ value: Value) {
        var rest = value
        for _ in 0..<(Value.bitWidth / 8) {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    /// Writes an integer over earlier bytes.
    mutating func overwrite<Value: FixedWidthInteger>(at position: Int, _ value: Value) {
        for place in 0..<(Value.bitWidth / 8) {
            bytes[position + place] = UInt8(truncatingIfNeeded: value >> (8 * place))
        }
    }

    /// Writes a count in four bytes.
    package mutating func write(count: Int) { write(UInt32(count)) }

    /// Writes a text of less than 65,536 bytes after its two-byte length.
    package mutating func write(_ text: String) {
        precondition(text.utf8.count <= Int(UInt16.max), "names are checked before they are stored")
        write(UInt16(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    /// Writes bytes unchanged.
    package mutating func write(contentsOf more: [UInt8]) { bytes.append(contentsOf: more) }
}
