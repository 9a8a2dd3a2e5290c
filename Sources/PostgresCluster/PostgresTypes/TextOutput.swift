/// Text being written, as bytes in the database's encoding. Grows as needed. Cleared and reused, it
/// does not allocate once it is large enough. Used by one thread at a time.
public struct TextOutput: Sendable {
    /// What was written so far.
    public var bytes: [UInt8] = []
    /// The most bytes that the text of one value may have. Tests use fewer than a server.
    package var sizeLimit = ValueLimits.byteCount

    /// Makes an empty one.
    public init() {}

    /// How many bytes were written.
    @inline(__always)
    public var count: Int { bytes.count }

    /// Removes all text and keeps the memory.
    @inline(__always)
    public mutating func clear() { bytes.removeAll(keepingCapacity: true) }

    /// Throws if the text from `start` on is longer than a server can print: a few bytes of a
    /// number can stand for a hundred thousand digits.
    @inline(__always)
    func checkSize(from start: Int) throws(ValueFault) {
        if count &- start > sizeLimit { throw .tooLarge(count &- start) }
    }

    /// Throws if a text of `size` bytes, which is not written yet, is longer than that.
    @inline(__always)
    func checkSize(of size: Int) throws(ValueFault) {
        if size > sizeLimit { throw .tooLarge(size) }
    }

    /// Appends one byte.
    @inline(__always)
    public mutating func append(_ byte: UInt8) { bytes.append(byte) }

    /// Appends one ASCII character.
    @inline(__always)
    package mutating func append(_ character: Unicode.Scalar) {
        bytes.append(UInt8(truncatingIfNeeded: character.value))
    }

    /// Appends a string literal.
    @inline(__always)
    package mutating func append(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        // A literal's bytes are valid for the life of the program.
        unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: count))
    }

    /// Appends bytes as they are.
    @inline(__always)
    public mutating func append(_ span: RawSpan) {
        unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    /// Appends bytes as they are.
    public mutating func append(_ array: [UInt8]) { bytes.append(contentsOf: array) }

    /// Appends a string in UTF-8.
    public mutating func append(string: String) { bytes.append(contentsOf: string.utf8) }
}

extension TextOutput {
    /// Appends a decimal number, padded with zeros to `minimumDigits`, at most 16.
    @inline(__always)
    package mutating func append(unsigned value: UInt64, minimumDigits: Int = 1) {
        write(atMost: TextCursor.integerSize) {
            $0.append(unsigned: value, minimumDigits: minimumDigits)
        }
    }

    /// Appends a number in decimal.
    @inline(__always)
    package mutating func append(signed value: Int64) {
        if value < 0 { append("-" as Unicode.Scalar) }
        append(unsigned: value.magnitude)
    }

    /// Appends the two lower-case hexadecimal digits of a byte.
    @inline(__always)
    package mutating func append(hexadecimal byte: UInt8) {
        append(Self.digit(byte >> 4))
        append(Self.digit(byte & 15))
    }

    /// Appends a number in hexadecimal, upper case, without leading zeros.
    package mutating func append(upperHexadecimal value: UInt32) {
        append(string: String(value, radix: 16, uppercase: true))
    }

    /// The lower-case hexadecimal digit of a number below 16.
    @inline(__always)
    static func digit(_ value: UInt8) -> UInt8 {
        // Six more make numbers from ten on reach the next sixteen; letters are 39 behind digits.
        UInt8(ascii: "0") &+ value &+ ((value &+ 6) >> 4) &* 39
    }
}
