import RowSchema

extension NumericText {
    /// Appends the text of a datum, with as many decimal places as its scale.
    ///
    /// - Throws: ``ValueError`` with ``ValueError/Reason/damaged`` if the bytes are not a datum.
    public static func write(
        _ datum: Span<UInt8>, to output: inout ByteOutput
    ) throws(ValueError) {
        guard datum.count >= 2, datum.count & 1 == 0 else { throw ValueError(.numeric, .damaged) }
        let header = word(datum, 0)
        switch header {
        case notANumber: return output.append("NaN")
        case positiveInfinity: return output.append("Infinity")
        case negativeInfinity: return output.append("-Infinity")
        default: break
        }
        let weight: Int
        let scale: Int
        let isNegative: Bool
        let start: Int
        switch header & 0xC000 {
        case shortForm:
            isNegative = header & shortNegative != 0
            scale = Int(header >> 7) & 0x3F
            // Seven bits, signed.
            weight = Int(Int8(truncatingIfNeeded: header << 1) >> 1)
            start = 2
        case notANumber:
            throw ValueError(.numeric, .damaged)
        default:
            guard datum.count >= 4 else { throw ValueError(.numeric, .damaged) }
            isNegative = header & longNegative != 0
            scale = Int(header & 0x3FFF)
            weight = Int(Int16(bitPattern: word(datum, 2)))
            start = 4
        }
        for offset in stride(from: start, to: datum.count, by: 2) {
            if word(datum, offset) > 9999 { throw ValueError(.numeric, .damaged) }
        }
        if isNegative { output.append(UInt8(ascii: "-")) }
        writeInteger(datum, start, weight, to: &output)
        if scale > 0 { writeFraction(datum, start, weight, scale, to: &output) }
    }

    /// Appends the digits before the point.
    private static func writeInteger(
        _ datum: Span<UInt8>, _ start: Int, _ weight: Int, to output: inout ByteOutput
    ) {
        if weight < 0 { return output.append(UInt8(ascii: "0")) }
        IntegerText.write(UInt64(digit(datum, start, 0)), to: &output)
        for index in 0..<weight {
            IntegerText.write(
                UInt64(digit(datum, start, index + 1)), minimumDigits: 4, to: &output)
        }
    }

    /// Appends the point and the `scale` digits after it.
    private static func writeFraction(
        _ datum: Span<UInt8>, _ start: Int, _ weight: Int, _ scale: Int,
        to output: inout ByteOutput
    ) {
        output.append(UInt8(ascii: "."))
        let end = output.count + scale
        var index = weight + 1
        while output.count < end {
            IntegerText.write(UInt64(digit(datum, start, index)), minimumDigits: 4, to: &output)
            index += 1
        }
        output.truncate(to: end)
    }

    /// Digit `index` of the datum; zero before its first and after its last.
    @inline(__always)
    private static func digit(_ datum: Span<UInt8>, _ start: Int, _ index: Int) -> UInt16 {
        let offset = start + index * 2
        guard index >= 0, offset < datum.count else { return 0 }
        return word(datum, offset)
    }

    @inline(__always)
    private static func word(_ datum: Span<UInt8>, _ offset: Int) -> UInt16 {
        UInt16(datum[offset]) | UInt16(datum[offset + 1]) << 8
    }
}
