internal import RowSchema
internal import ValueText

extension FieldForm {
    /// Appends the text of a value, whose length is that of its type.
    ///
    /// - Throws: ``ValueError/Reason/damaged`` if the bytes are not those of a value.
    @inline(__always)
    func write(_ bytes: RawSpan, to output: inout ByteOutput) throws(ValueError) {
        switch type {
        case .text, .varchar, .char, .json:
            output.append(bytes)
        case .boolean:
            let value = bytes.load(0, as: UInt8.self) != 0
            BooleanText.write(value, spelled: spelling, to: &output)
        case .smallint:
            IntegerText.write(Int64(bytes.load(0, as: Int16.self)), to: &output)
        case .integer:
            IntegerText.write(Int64(bytes.load(0, as: Int32.self)), to: &output)
        case .bigint:
            IntegerText.write(bytes.load(0, as: Int64.self), to: &output)
        case .real:
            let bits = bytes.load(0, as: UInt32.self)
            FloatingPointText.write(Float(bitPattern: bits), to: &output)
        case .doublePrecision:
            let bits = bytes.load(0, as: UInt64.self)
            FloatingPointText.write(Double(bitPattern: bits), to: &output)
        case .date:
            DateText.write(bytes.load(0, as: Int32.self), to: &output)
        case .time:
            let time = bytes.load(0, as: Int64.self)
            guard (0...TimeOfDay.microsecondsPerDay).contains(time) else {
                throw ValueError(.time, .damaged)
            }
            TimeText.write(time, to: &output)
        case .timestamp, .timestampTZ:
            TimestampText.write(
                bytes.load(0, as: Int64.self), spelled: spelling, hasZone: type == .timestampTZ,
                to: &output)
        case .jsonb:
            do throws(ValueError) {
                try JSONBText.write(bytes, to: &output)
            } catch {
                throw ValueError(.jsonb, .damaged)
            }
        case .interval:
            let interval = Interval(
                microseconds: bytes.load(0, as: Int64.self), days: bytes.load(8, as: Int32.self),
                months: bytes.load(12, as: Int32.self))
            IntervalText.write(interval, to: &output)
        case .uuid:
            UUIDText.write(Span(viewing: bytes), spelled: spelling, to: &output)
        case .bytea:
            ByteaText.write(Span(viewing: bytes), to: &output)
        case .numeric:
            try NumericText.write(Span(viewing: bytes), to: &output)
        case .array(let element):
            try Self.writeArray(bytes, of: FieldForm(element.type), to: &output)
        }
    }

    @inline(never)
    private static func writeArray(
        _ bytes: RawSpan, of element: FieldForm, to output: inout ByteOutput
    ) throws(ValueError) {
        do throws(ArrayShape.Fault) {
            let shape = try ArrayShape(bytes)
            guard shape.elementType == element.type.objectIdentifier else {
                throw ArrayShape.Fault(reason: "it has elements of another type")
            }
            if shape.elementCount == 0 { return output.append("{}") }
            ArrayText.writeBounds(shape, to: &output)
            var offset = shape.elements
            for index in 0..<shape.elementCount {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                for _ in 0..<shape.openingCount(index) { output.append(UInt8(ascii: "{")) }
                if let range = try shape.element(
                    index, of: element.type, from: &offset, in: bytes)
                {
                    let start = output.count
                    try element.writeElement(bytes.extracting(range), to: &output)
                    ArrayText.quoteIfNeeded(&output, from: start)
                } else {
                    output.append("NULL")
                }
                for _ in 0..<shape.closingCount(index) { output.append(UInt8(ascii: "}")) }
            }
        } catch {
            throw ValueError(element.type.array, .damaged)
        }
    }

    private func writeElement(
        _ bytes: RawSpan, to output: inout ByteOutput
    ) throws(ArrayShape.Fault) {
        do throws(ValueError) {
            try write(bytes, to: &output)
        } catch {
            throw ArrayShape.Fault(reason: error.description)
        }
    }
}
