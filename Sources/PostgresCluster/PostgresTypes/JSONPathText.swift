/// `jsonpath`: a tree of items. Each has a type, the position of the item that follows it, and what
/// its type requires. Mirrors `jsonpath_out`.
struct JSONPathText: ~Copyable {
    private static let laxFlag: UInt32 = 0x8000_0000
    /// How many more items may be visited. An intact value visits each once, and each takes 8
    /// bytes.
    private var budget: Int
    /// Where the text begins in the output.
    private let start: Int

    /// Writes the value in `value`, the bytes after its length word.
    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let header = try value.load(0, as: UInt32.self)
        guard header & ~laxFlag == 1 else {
            throw .malformed("a jsonpath of version \(header & ~laxFlag)")
        }
        if header & laxFlag == 0 { output.append("strict ") }
        var writer = JSONPathText(
            budget: value.byteCount / 8 + 1, start: output.count)
        try writer.chain(try value.rest(4), 0, Context(inKey: false, brackets: true), 0, &output)
    }

    /// How an item is written, depending on what precedes and surrounds it.
    private struct Context {
        var inKey: Bool
        var brackets: Bool
    }

    /// An item: its type, what follows it, and the start of its content.
    private struct Item {
        let position: Int
        let type: Kind
        let next: Int
        let content: Int
    }

    private static func item(_ data: RawSpan, _ position: Int) throws(ValueFault) -> Item {
        let number = try data.byte(position)
        guard let type = Kind(rawValue: number) else {
            throw .malformed("a jsonpath item has the unknown type \(number)")
        }
        let content = aligned(position + 1, 4)
        let next = Int(try data.load(content, as: Int32.self))
        return Item(position: position, type: type, next: next, content: content + 4)
    }

    /// Writes an item and all that follow it.
    private mutating func chain(
        _ data: RawSpan, _ position: Int, _ context: Context, _ depth: Int,
        _ output: inout TextOutput
    ) throws(ValueFault) {
        guard depth < ValueLimits.pathNesting else { throw .tooDeep }
        var item = try Self.item(data, position)
        var context = context
        while true {
            budget -= 1
            guard budget >= 0 else { throw .malformed("items of a jsonpath form a ring") }
            // Items may share the same bytes.
            try output.checkSize(from: start)
            try write(data, item, context, depth, &output)
            guard item.next > 0 else { return }
            item = try Self.item(data, item.position + item.next)
            context = Context(inKey: true, brackets: true)
        }
    }

    private mutating func write(
        _ data: RawSpan, _ item: Item, _ context: Context, _ depth: Int,
        _ output: inout TextOutput
    ) throws(ValueFault) {
        let brackets = context.brackets
        if let name = item.type.method {
            return try method(data, item, name, depth, &output)
        }
        switch item.type {
        case .null: output.append("null")
        case .string, .key, .variable:
            if item.type == .key && context.inKey { output.append("." as Unicode.Scalar) }
            if item.type == .variable { output.append("$" as Unicode.Scalar) }
            let length = Int(try data.load(item.content, as: Int32.self))
            JSONText.escape(try data.part(item.content + 4, length), to: &output)
        case .numeric: try number(data, item, &output)
        case .boolean: output.append(try data.byte(item.content) != 0 ? "true" : "false")
        case .not, .isUnknown, .filter, .exists:
            output.append(item.type.opening)
            try argument(data, item, 0, nil, depth, &output)
            output.append(item.type == .isUnknown ? ") is unknown" : ")")
        case .plus, .minus:
            if brackets { output.append("(" as Unicode.Scalar) }
            output.append(item.type == .plus ? UInt8(ascii: "+") : UInt8(ascii: "-"))
            try argument(data, item, 0, item.type, depth, &output)
            if brackets { output.append(")" as Unicode.Scalar) }
        case .anyArray: output.append("[*]")
        case .anyKey: output.append(context.inKey ? ".*" : "*")
        case .indexArray: try subscripts(data, item, depth, &output)
        case .any:
            if context.inKey { output.append("." as Unicode.Scalar) }
            try levels(data, item, &output)
        case .current: output.append("@" as Unicode.Scalar)
        case .root: output.append("$" as Unicode.Scalar)
        case .last: output.append("last")
        case .likeRegex: try regex(data, item, brackets, depth, &output)
        default:
            guard let name = item.type.operatorName else {
                throw .malformed("a jsonpath item of type \(item.type.rawValue) stands alone")
            }
            if brackets { output.append("(" as Unicode.Scalar) }
            try argument(data, item, 0, item.type, depth, &output)
            output.append(" " as Unicode.Scalar)
            output.append(name)
            output.append(" " as Unicode.Scalar)
            try argument(data, item, 1, item.type, depth, &output)
            if brackets { output.append(")" as Unicode.Scalar) }
        }
    }

    /// Writes an operand, in parentheses if it binds no tighter than its operator.
    private mutating func argument(
        _ data: RawSpan, _ item: Item, _ index: Int, _ parent: Kind?, _ depth: Int,
        _ output: inout TextOutput
    ) throws(ValueFault) {
        let offset = Int(try data.load(item.content + 4 * index, as: Int32.self))
        let position = item.position + offset
        let type = try Self.item(data, position).type
        let brackets = parent.map { type.priority <= $0.priority } ?? false
        try chain(
            data, position, Context(inKey: false, brackets: brackets), depth + 1, &output)
    }

    private func number(
        _ data: RawSpan, _ item: Item, _ output: inout TextOutput
    ) throws(ValueFault) {
        if item.next > 0 { output.append("(" as Unicode.Scalar) }
        let extent = try ValueLayout(-1, 1).extent(in: data, from: item.content)
        guard case .plain(let digits) = try Varlena.form(of: data, extent) else {
            throw .malformed("a number of a jsonpath is compressed")
        }
        try NumericText.write(try data.part(digits.lowerBound, digits.count), to: &output)
        if item.next > 0 { output.append(")" as Unicode.Scalar) }
    }

    private mutating func subscripts(
        _ data: RawSpan, _ item: Item, _ depth: Int, _ output: inout TextOutput
    ) throws(ValueFault) {
        let count = Int(try data.load(item.content, as: Int32.self))
        guard count >= 0, count <= data.byteCount / 8 else {
            throw .malformed("a jsonpath with \(count) subscripts")
        }
        let plain = Context(inKey: false, brackets: false)
        output.append("[" as Unicode.Scalar)
        for index in 0..<count {
            if index > 0 { output.append("," as Unicode.Scalar) }
            let place = item.content + 4 + 8 * index
            let from = Int(try data.load(place, as: Int32.self))
            let to = Int(try data.load(place + 4, as: Int32.self))
            try chain(data, item.position + from, plain, depth + 1, &output)
            if to == 0 { continue }
            output.append(" to ")
            try chain(data, item.position + to, plain, depth + 1, &output)
        }
        output.append("]" as Unicode.Scalar)
    }

    private func levels(
        _ data: RawSpan, _ item: Item, _ output: inout TextOutput
    ) throws(ValueFault) {
        let first = try data.load(item.content, as: UInt32.self)
        let last = try data.load(item.content + 4, as: UInt32.self)
        output.append("**")
        if first == 0 && last == .max { return }
        output.append("{" as Unicode.Scalar)
        output.append(string: first == .max ? "last" : String(first))
        if first != last {
            output.append(" to ")
            output.append(string: last == .max ? "last" : String(last))
        }
        output.append("}" as Unicode.Scalar)
    }

    private mutating func regex(
        _ data: RawSpan, _ item: Item, _ brackets: Bool, _ depth: Int,
        _ output: inout TextOutput
    ) throws(ValueFault) {
        let flags = try data.load(item.content, as: UInt32.self)
        if brackets { output.append("(" as Unicode.Scalar) }
        try argument(data, item, 1, item.type, depth, &output)
        output.append(" like_regex ")
        let length = Int(try data.load(item.content + 8, as: Int32.self))
        JSONText.escape(try data.part(item.content + 12, length), to: &output)
        if flags != 0 {
            output.append(" flag \"")
            for (bit, letter) in "ismxq".unicodeScalars.enumerated() where flags >> bit & 1 == 1 {
                output.append(letter)
            }
            output.append("\"" as Unicode.Scalar)
        }
        if brackets { output.append(")" as Unicode.Scalar) }
    }

    /// Writes `.name()`, with up to two arguments.
    private mutating func method(
        _ data: RawSpan, _ item: Item, _ name: StaticString, _ depth: Int,
        _ output: inout TextOutput
    ) throws(ValueFault) {
        output.append("." as Unicode.Scalar)
        output.append(name)
        output.append("(" as Unicode.Scalar)
        for index in 0..<item.type.methodArguments {
            if try data.load(item.content + 4 * index, as: Int32.self) == 0 { continue }
            if index > 0 { output.append("," as Unicode.Scalar) }
            try argument(data, item, index, nil, depth, &output)
        }
        output.append(")" as Unicode.Scalar)
    }
}
