internal import Strata

/// What the simulation writes on pages of toast relations: one chunk, whose bytes its value's
/// number determines. Belongs to one thread.
struct ValueContent {
    /// The number of the last value. Numbers ascend in every toast relation, as they must.
    private(set) var lastValue: UInt32 = 0
    private let layout: [AttributeLayout] = [.int32, .int32, .variable()]

    /// The bytes of a value's only chunk: half of them compress.
    private static func bytes(of value: UInt32) -> [UInt8] {
        var state = UInt64(value) &* 0x9e37_79b9_7f4a_7c15 | 1
        return (0..<Int(1 + value % 1996)).map { _ in
            state = state &* 0xd134_2543_de82_ef95 &+ 0x2545_f491_4f6c_dd1d
            return value % 2 == 0 ? UInt8(truncatingIfNeeded: state >> 40) : 7
        }
    }

    /// Writes a new value on a page and returns its number.
    mutating func write(on page: borrowing PinnedPage) -> UInt32 {
        lastValue += 1
        var tuple = HeapTupleBuilder(layout: layout)
        tuple.begin()
        tuple.append(lastValue)
        tuple.append(0 as Int32)
        let bytes = Self.bytes(of: lastValue)
        tuple.appendVariable(unsafe bytes.span.bytes)
        let block = page.block.rawValue
        page.withEditor { editor in
            editor.initialize()
            guard (try? tuple.place(on: &editor, block: block)) != nil else {
                preconditionFailure("a chunk fits on an empty page")
            }
        }
        return lastValue
    }

    /// Returns the value on a page, or nil if the page differs from what was written for it.
    func value(on page: borrowing PinnedPage) -> UInt32? {
        var decoder = HeapTupleDecoder(layout: layout)
        return page.withView { view -> UInt32? in
            guard view.linePointerCount == 1, let tuple = try? view.tuple(1),
                (try? decoder.decode(tuple)) != nil,
                let value = try? decoder.integer(0, of: tuple, as: UInt32.self),
                let found = decoder.value(2, of: tuple), value >= 1, value <= lastValue
            else { return nil }
            let expected = Self.bytes(of: value)
            let isWhole = unsafe found.withUnsafeBytes { unsafe $0.elementsEqual(expected) }
            return isWhole ? value : nil
        }
    }
}
