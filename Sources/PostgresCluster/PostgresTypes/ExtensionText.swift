/// `hstore`: keys and values of text, packed after a table of their ends. Mirrors `hstore_out`.
enum HStoreText {
    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let count = Int(try value.load(0, as: UInt32.self) & 0x0FFF_FFFF)
        guard 8 * count <= value.byteCount - 4 else {
            throw .malformed("\(count) pairs do not fit into \(value.byteCount) bytes")
        }
        let strings = 4 + 8 * count
        var offset = 0
        let start = output.count
        for index in 0..<2 * count {
            try output.checkSize(from: start)
            let entry = try value.load(4 + 4 * index, as: UInt32.self)
            let end = Int(entry & 0x3FFF_FFFF)
            let text = try value.part(strings + offset, end - offset)
            if index & 1 == 0 {
                if index > 0 { output.append(", ") }
                escape(text, to: &output)
            } else {
                output.append("=>")
                if entry & 0x4000_0000 != 0 {
                    output.append("NULL")
                } else {
                    escape(text, to: &output)
                }
            }
            offset = end
        }
    }

    private static func escape(_ text: RawSpan, to output: inout TextOutput) {
        output.append("\"" as Unicode.Scalar)
        text.forEachByte { byte in
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                output.append("\\" as Unicode.Scalar)
            }
            output.append(byte)
        }
        output.append("\"" as Unicode.Scalar)
    }
}

/// `ltree` and `lquery`: labels of a path, and patterns for them. Mirrors `deparse_ltree` and
/// `deparse_lquery`.
enum TreeText {
    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let count = Int(try value.load(0, as: UInt16.self))
        // Labels are aligned relative to the value's beginning, four bytes before the span's.
        var offset = 4
        for index in 0..<count {
            if index > 0 { output.append("." as Unicode.Scalar) }
            let length = Int(try value.load(offset, as: UInt16.self))
            output.append(try value.part(offset + 2, length))
            offset += aligned(length + 2, 8)
        }
    }

    static func writeQuery(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let count = Int(try value.load(0, as: UInt16.self))
        var offset = 12
        let start = output.count
        for index in 0..<count {
            // Levels may share the same bytes.
            try output.checkSize(from: start)
            if index > 0 { output.append("." as Unicode.Scalar) }
            let flags = try value.load(offset + 2, as: UInt16.self)
            let variants = Int(try value.load(offset + 4, as: UInt16.self))
            if variants == 0 {
                output.append("*" as Unicode.Scalar)
            } else if flags & 0x10 != 0 {
                output.append("!" as Unicode.Scalar)
            }
            var place = offset + 16
            for variant in 0..<variants {
                if variant > 0 { output.append("|" as Unicode.Scalar) }
                let length = Int(try value.load(place + 4, as: UInt16.self))
                output.append(try value.part(place + 7, length))
                writeMarks(try value.byte(place + 6), to: &output)
                place += 8 + aligned(length, 8)
            }
            if flags & 0x20 != 0 || variants == 0 {
                let low = try value.load(offset + 6, as: UInt16.self)
                let high = try value.load(offset + 8, as: UInt16.self)
                writeRepeats(low, high, isAny: variants == 0, to: &output)
            }
            offset += aligned(Int(try value.load(offset, as: UInt16.self)), 8)
        }
    }

    /// Appends the marks after a label: `%` words, `@` any case, `*` any ending.
    static func writeMarks(_ flags: UInt8, to output: inout TextOutput) {
        if flags & 4 != 0 { output.append("%" as Unicode.Scalar) }
        if flags & 2 != 0 { output.append("@" as Unicode.Scalar) }
        if flags & 1 != 0 { output.append("*" as Unicode.Scalar) }
    }

    private static func writeRepeats(
        _ low: UInt16, _ high: UInt16, isAny: Bool, to output: inout TextOutput
    ) {
        if low == 0 && high == .max && isAny { return }
        output.append("{" as Unicode.Scalar)
        if low != 0 || low == high { output.append(unsigned: UInt64(low)) }
        if low != high {
            output.append("," as Unicode.Scalar)
            if high != .max { output.append(unsigned: UInt64(high)) }
        }
        output.append("}" as Unicode.Scalar)
    }
}

/// `ltxtquery`: labels under operators, each before its right operand and that before its left.
/// Mirrors `ltxtq_out`. Pending output is kept on a list, as in ``SearchQueryText``.
enum TreeQueryText {
    private static let itemSize = 12

    private enum Task {
        case item(Int, isFirst: Bool)
        case text(StaticString)
    }

    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let count = Int(try value.load(0, as: Int32.self))
        guard count >= 0, count <= (value.byteCount - 4) / itemSize else {
            throw .malformed("\(count) operands do not fit into \(value.byteCount) bytes")
        }
        if count == 0 { return }
        let strings = 4 + itemSize * count
        var tasks: [Task] = [.item(0, isFirst: true)]
        var budget = count
        let start = output.count
        while let task = tasks.popLast() {
            try output.checkSize(from: start)
            guard case .item(let index, let isFirst) = task else {
                if case .text(let text) = task { output.append(text) }
                continue
            }
            budget -= 1
            guard index < count, budget >= 0 else {
                throw .malformed("operands of an ltxtquery are not in order")
            }
            let place = 4 + itemSize * index
            if try value.load(place, as: Int16.self) == 2 {
                let offset = strings + Int(try value.load(place + 10, as: UInt16.self))
                output.append(try value.part(offset, Int(try value.byte(place + 9))))
                TreeText.writeMarks(try value.byte(place + 8), to: &output)
            } else {
                try expand(value, index, isFirst, &tasks)
            }
        }
    }

    private static func expand(
        _ value: RawSpan, _ index: Int, _ isFirst: Bool, _ tasks: inout [Task]
    ) throws(ValueFault) {
        let place = 4 + itemSize * index
        let code = try value.load(place + 4, as: Int32.self)
        switch code {
        case Int32(UInt8(ascii: "!")):
            let isOperator = try value.load(place + itemSize, as: Int16.self) == 3
            if isOperator { tasks.append(.text(" )")) }
            tasks.append(.item(index + 1, isFirst: isOperator))
            tasks.append(.text(isOperator ? "!( " : "!"))
        case Int32(UInt8(ascii: "&")), Int32(UInt8(ascii: "|")):
            let isOr = code == Int32(UInt8(ascii: "|"))
            let left = Int(try value.load(place + 2, as: Int16.self))
            guard left > 0 else { throw .malformed("an ltxtquery operator has no left operand") }
            if isOr && !isFirst { tasks.append(.text(" )")) }
            tasks.append(.item(index + 1, isFirst: false))
            tasks.append(.text(isOr ? " | " : " & "))
            tasks.append(.item(index + left, isFirst: false))
            if isOr && !isFirst { tasks.append(.text("( ")) }
        default: throw .malformed("an ltxtquery operator \(code)")
        }
    }
}
