/// Writes stored values as the server's text: dates in the ISO style, time zone UTC, intervals in
/// the style `postgres`, `extra_float_digits` 1, `bytea` in hexadecimal, money in the C locale.
///
/// A value of varying length must be passed without its length, uncompressed. No input makes it
/// trap: bytes that are not a value of their type throw. Any number of threads may use one writer.
public final class ValueWriter: Sendable {
    /// The major version of the server that wrote the files.
    public let version: Int
    let names: any ObjectNames

    /// Makes a writer.
    ///
    /// - Parameters:
    ///   - version: the server's major version, on which a few text forms depend.
    ///   - names: provides the names of objects.
    public init(version: Int, names: any ObjectNames = NoObjectNames()) {
        self.version = version
        self.names = names
    }

    /// Appends the text of `value` to `output`. Time and memory are proportional to the text.
    ///
    /// - Throws: ``ValueFault`` if the bytes are not a value of the form. Part of the text may have
    ///   been written.
    @inline(__always)
    public func write(
        _ value: RawSpan, as form: ValueForm, to output: inout TextOutput
    ) throws(ValueFault) {
        switch form {
        case .integer: output.append(signed: Int64(try value.load(0, as: Int32.self)))
        case .bigint: output.append(signed: try value.load(0, as: Int64.self))
        case .text: output.append(value)
        default: try writeScalar(value, form, 0, &output)
        }
    }

    /// Writes like ``write(_:as:to:)``, within `depth` other values.
    func write(
        _ value: RawSpan, as form: ValueForm, depth: Int, to output: inout TextOutput
    ) throws(ValueFault) {
        guard depth < ValueLimits.nesting else { throw .tooDeep }
        try writeScalar(value, form, depth, &output)
    }

    private func writeScalar(
        _ value: RawSpan, _ form: ValueForm, _ depth: Int, _ output: inout TextOutput
    ) throws(ValueFault) {
        if let kind = FixedKind(form) {
            return try output.write(atMost: FixedKind.size) { cursor throws(ValueFault) in
                try kind.write(value, at: 0, to: &cursor)
            }
        }
        switch form {
        case .numeric: try NumericText.write(value, to: &output)
        case .money: try MoneyText.write(value, to: &output)
        case .text: output.append(value)
        case .name: output.append(try value.part(0, value.terminator(from: 0)))
        case .character: try CharText.write(value, version: version, to: &output)
        case .bytea, .hexadecimal: try BinaryText.write(value, to: &output)
        case .bits: try BitText.write(value, to: &output)
        case .unsignedLong: output.append(unsigned: try value.load(0, as: UInt64.self))
        case .enumeration(let labels): try write(value, labels, &output)
        default: try writeCompound(value, form, depth, &output)
        }
    }

    private func writeCompound(
        _ value: RawSpan, _ form: ValueForm, _ depth: Int, _ output: inout TextOutput
    ) throws(ValueFault) {
        switch form {
        case .inet: try NetworkText.write(value, isCIDR: false, to: &output)
        case .cidr: try NetworkText.write(value, isCIDR: true, to: &output)
        case .macaddr: try NetworkText.writeHardware(value, count: 6, to: &output)
        case .macaddr8: try NetworkText.writeHardware(value, count: 8, to: &output)
        case .xml: try XMLText.write(value, to: &output)
        case .jsonb: try JSONText.write(value, to: &output)
        case .jsonpath: try JSONPathText.write(value, to: &output)
        case .point: try GeometryText.writePoint(value, to: &output)
        case .segment: try GeometryText.writeSegment(value, to: &output)
        case .line: try GeometryText.writeLine(value, to: &output)
        case .box: try GeometryText.writeBox(value, to: &output)
        case .path: try GeometryText.writePath(value, to: &output)
        case .polygon: try GeometryText.writePolygon(value, to: &output)
        case .circle: try GeometryText.writeCircle(value, to: &output)
        case .searchVector: try SearchText.writeVector(value, to: &output)
        case .searchQuery: try SearchQueryText.write(value, to: &output)
        case .rowID: try SystemText.writeRowID(value, to: &output)
        case .logPosition: try SystemText.writeLogPosition(value, to: &output)
        case .snapshot: try SystemText.writeSnapshot(value, to: &output)
        case .rights: try SystemText.writeRights(value, names: names, to: &output)
        case .smallintVector: try SystemText.writeVector(value, isOID: false, to: &output)
        case .oidVector: try SystemText.writeVector(value, isOID: true, to: &output)
        case .object(let kind): try write(value, kind, &output)
        case .hstore: try HStoreText.write(value, to: &output)
        case .tree: try TreeText.write(value, to: &output)
        case .treeQuery: try TreeText.writeQuery(value, to: &output)
        case .treeTextQuery: try TreeQueryText.write(value, to: &output)
        case .anyArray(let any):
            let type = try value.load(8, as: UInt32.self)
            guard let element = any.elements[type] else {
                throw .unsupportedType("number \(type)")
            }
            try writeArray(value, of: element, depth, &output)
        case .array(let element): try writeArray(value, of: element, depth, &output)
        case .composite(let type): try writeComposite(value, of: type, depth, &output)
        case .range(let bound): try writeRange(value, of: bound, depth, &output)
        case .multirange(let bound): try writeMultirange(value, of: bound, depth, &output)
        case .unsupported(let name): throw .unsupportedType(name)
        default: throw .malformed("a form that nothing writes")
        }
    }

    private func write(
        _ value: RawSpan, _ enumeration: EnumerationForm, _ output: inout TextOutput
    ) throws(ValueFault) {
        let number = try value.load(0, as: UInt32.self)
        guard let label = enumeration.labels[number] else {
            throw .malformed("type \(enumeration.name) has no label of number \(number)")
        }
        output.append(label)
    }

    /// Writes an object's name: a dash for none, its number if there is no such object.
    private func write(
        _ value: RawSpan, _ kind: ObjectKind, _ output: inout TextOutput
    ) throws(ValueFault) {
        let number = try value.load(0, as: UInt32.self)
        let isOperator = kind == .operator || kind == .operatorWithArguments
        if number == 0 {
            return output.append(isOperator ? UInt8(ascii: "0") : UInt8(ascii: "-"))
        }
        if let name = names.name(of: kind, number) { return output.append(name) }
        output.append(unsigned: UInt64(number))
    }

    /// Writes a part of another value, which may be stored with a short length or compressed.
    func writeStored(
        _ span: RawSpan, _ extent: Range<Int>, _ layout: ValueLayout, as form: ValueForm,
        depth: Int, to output: inout TextOutput
    ) throws(ValueFault) {
        guard layout.isVarlena else {
            return try write(
                try span.part(extent.lowerBound, extent.count), as: form, depth: depth,
                to: &output)
        }
        switch try Varlena.form(of: span, extent) {
        case .plain(let range):
            try write(
                try span.part(range.lowerBound, range.count), as: form, depth: depth, to: &output)
        case .compressed(let range, let compression):
            let bytes = try compression.decompress(try span.part(range.lowerBound, range.count))
            unsafe try write(bytes.span.bytes, as: form, depth: depth, to: &output)
        case .external: throw .nestedPointer
        }
    }
}
