/// The geometric types: points of two `double precision` each, and what consists of them.
enum GeometryText {
    private static let pointSize = 16

    /// `point`, and a point within another value.
    static func writePoint(
        _ value: RawSpan, at offset: Int = 0, to output: inout TextOutput
    ) throws(ValueFault) {
        output.append("(" as Unicode.Scalar)
        try writeNumbers(value, at: offset, count: 2, to: &output)
        output.append(")" as Unicode.Scalar)
    }

    private static func writeNumbers(
        _ value: RawSpan, at offset: Int, count: Int, to output: inout TextOutput
    ) throws(ValueFault) {
        for index in 0..<count {
            if index > 0 { output.append("," as Unicode.Scalar) }
            FloatText.write(try value.double(offset + 8 * index), to: &output)
        }
    }

    private static func writePoints(
        _ value: RawSpan, at offset: Int, count: Int, to output: inout TextOutput
    ) throws(ValueFault) {
        guard count >= 0, count <= (value.byteCount - offset) / pointSize else {
            throw .malformed("\(count) points do not fit into \(value.byteCount) bytes")
        }
        for index in 0..<count {
            if index > 0 { output.append("," as Unicode.Scalar) }
            try writePoint(value, at: offset + pointSize * index, to: &output)
        }
    }

    /// `lseg`.
    static func writeSegment(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        output.append("[" as Unicode.Scalar)
        try writePoints(value, at: 0, count: 2, to: &output)
        output.append("]" as Unicode.Scalar)
    }

    /// `box`: its upper right and its lower left corner.
    static func writeBox(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        try writePoints(value, at: 0, count: 2, to: &output)
    }

    /// `line`: the three numbers of its equation.
    static func writeLine(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        output.append("{" as Unicode.Scalar)
        try writeNumbers(value, at: 0, count: 3, to: &output)
        output.append("}" as Unicode.Scalar)
    }

    /// `circle`: centre and radius.
    static func writeCircle(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        output.append("<" as Unicode.Scalar)
        try writePoint(value, to: &output)
        output.append("," as Unicode.Scalar)
        FloatText.write(try value.double(pointSize), to: &output)
        output.append(">" as Unicode.Scalar)
    }

    /// `path`: a count, whether it is closed, a word of padding, points.
    static func writePath(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let count = Int(try value.load(0, as: Int32.self))
        let isClosed = try value.load(4, as: Int32.self) != 0
        output.append(isClosed ? UInt8(ascii: "(") : UInt8(ascii: "["))
        try writePoints(value, at: 12, count: count, to: &output)
        output.append(isClosed ? UInt8(ascii: ")") : UInt8(ascii: "]"))
    }

    /// `polygon`: a count, the box around it, points.
    static func writePolygon(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let count = Int(try value.load(0, as: Int32.self))
        output.append("(" as Unicode.Scalar)
        try writePoints(value, at: 36, count: count, to: &output)
        output.append(")" as Unicode.Scalar)
    }
}
