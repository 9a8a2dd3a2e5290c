/// `tsvector`: words, each with positions and weights. Mirrors `tsvectorout`.
enum SearchText {
    static func writeVector(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let count = Int(try value.load(0, as: Int32.self))
        guard count >= 0, count <= (value.byteCount - 4) / 4 else {
            throw .malformed("\(count) words do not fit into \(value.byteCount) bytes")
        }
        let strings = 4 + 4 * count
        let start = output.count
        for index in 0..<count {
            // Words may share the same bytes.
            try output.checkSize(from: start)
            let entry = try value.load(4 + 4 * index, as: UInt32.self)
            let length = Int(entry >> 1 & 0x7FF)
            let offset = strings + Int(entry >> 12)
            if index > 0 { output.append(" " as Unicode.Scalar) }
            quote(try value.part(offset, length), to: &output)
            if entry & 1 == 0 { continue }
            // Positions are aligned relative to the strings' beginning.
            let place = strings + aligned(Int(entry >> 12) + length, 2)
            try writePositions(value, at: place, to: &output)
        }
    }

    private static func writePositions(
        _ value: RawSpan, at place: Int, to output: inout TextOutput
    ) throws(ValueFault) {
        let count = Int(try value.load(place, as: UInt16.self))
        for index in 0..<count {
            let position = try value.load(place + 2 + 2 * index, as: UInt16.self)
            output.append(index == 0 ? UInt8(ascii: ":") : UInt8(ascii: ","))
            output.append(unsigned: UInt64(position & 0x3FFF))
            switch position >> 14 {
            case 3: output.append("A" as Unicode.Scalar)
            case 2: output.append("B" as Unicode.Scalar)
            case 1: output.append("C" as Unicode.Scalar)
            default: break
            }
        }
    }

    /// Writes a word between apostrophes, doubling apostrophes and backslashes in it.
    static func quote(_ word: RawSpan, to output: inout TextOutput) {
        output.append("'" as Unicode.Scalar)
        word.forEachByte { byte in
            if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\\") { output.append(byte) }
            output.append(byte)
        }
        output.append("'" as Unicode.Scalar)
    }
}

/// `tsquery`: operators, each before its right operand and that before its left. Mirrors
/// `tsqueryout`. Pending output is kept on a list, so that long chains of operators need no stack.
enum SearchQueryText {
    private static let itemSize = 12

    /// Output that is still pending.
    private enum Task {
        case item(Int, priority: Int, isRightOfPhrase: Bool)
        case text(StaticString)
        case distance(Int16)
    }

    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let count = Int(try value.load(0, as: Int32.self))
        guard count >= 0, count <= (value.byteCount - 4) / itemSize else {
            throw .malformed("\(count) operands do not fit into \(value.byteCount) bytes")
        }
        if count == 0 { return }
        let strings = 4 + itemSize * count
        var tasks: [Task] = [.item(0, priority: -1, isRightOfPhrase: false)]
        var budget = count
        let start = output.count
        while let task = tasks.popLast() {
            try output.checkSize(from: start)
            switch task {
            case .text(let text): output.append(text)
            case .distance(let distance):
                if distance == 1 {
                    output.append(" <-> ")
                } else {
                    output.append(" <")
                    output.append(signed: Int64(distance))
                    output.append("> ")
                }
            case .item(let index, let priority, let isRight):
                budget -= 1
                guard index < count, budget >= 0 else {
                    throw .malformed("operands of a tsquery are not in order")
                }
                let place = 4 + itemSize * index
                if try value.byte(place) == 1 {
                    try writeOperand(value, place, strings, to: &output)
                } else {
                    try expand(value, index, priority, isRight, &tasks)
                }
            }
        }
    }

    private static func writeOperand(
        _ value: RawSpan, _ place: Int, _ strings: Int, to output: inout TextOutput
    ) throws(ValueFault) {
        let weight = try value.byte(place + 1)
        let isPrefix = try value.byte(place + 2) != 0
        let packed = try value.load(place + 8, as: UInt32.self)
        let word = try value.part(strings + Int(packed >> 12), Int(packed & 0xFFF))
        SearchText.quote(word, to: &output)
        guard weight != 0 || isPrefix else { return }
        output.append(":" as Unicode.Scalar)
        if isPrefix { output.append("*" as Unicode.Scalar) }
        for (bit, letter) in zip([3, 2, 1, 0] as [UInt8], "ABCD".unicodeScalars)
        where weight >> bit & 1 == 1 {
            output.append(letter)
        }
    }

    /// Adds the parts of an operator to the list, in reverse order.
    private static func expand(
        _ value: RawSpan, _ index: Int, _ parent: Int, _ isRight: Bool, _ tasks: inout [Task]
    ) throws(ValueFault) {
        let place = 4 + itemSize * index
        guard try value.byte(place) == 2 else {
            throw .malformed("an item of a tsquery is neither operand nor operator")
        }
        let code = try value.byte(place + 1)
        guard code >= 1, code <= 4 else { throw .malformed("a tsquery operator \(code)") }
        let priority = [4, 2, 1, 3][Int(code) - 1]
        if code == 1 {
            let isBracketed = priority < parent
            if isBracketed { tasks.append(.text(" )")) }
            tasks.append(.item(index + 1, priority: priority, isRightOfPhrase: false))
            tasks.append(.text(isBracketed ? "( !" : "!"))
            return
        }
        let left = Int(try value.load(place + 4, as: UInt32.self))
        guard left > 0 else { throw .malformed("an operator of a tsquery has no left operand") }
        let isPhrase = code == 4
        let isBracketed = priority < parent || isPhrase && isRight
        if isBracketed { tasks.append(.text(" )")) }
        tasks.append(.item(index + 1, priority: priority, isRightOfPhrase: isPhrase))
        switch code {
        case 2: tasks.append(.text(" & "))
        case 3: tasks.append(.text(" | "))
        default: tasks.append(.distance(try value.load(place + 2, as: Int16.self)))
        }
        tasks.append(.item(index + left, priority: priority, isRightOfPhrase: false))
        if isBracketed { tasks.append(.text("( ")) }
    }
}
