/// Finds the values of a table's tuples. Used by one thread at a time. Mirrors `heap_deform_tuple`.
package struct TupleFields {
    /// The table's columns in order, including dropped ones.
    private let layouts: [ValueLayout]
    private var slots: [Slot]
    /// How many columns at the beginning have fixed lengths, and where they end without nulls.
    private let fixed: (count: Int, end: Int)

    /// A value's place in the tuple's data.
    package enum Slot: Sendable {
        case null
        /// The tuple is older than the column.
        case absent
        /// The stored bytes, including a length.
        case stored(Range<Int>)
    }

    /// The parts of a tuple's header that are needed to find its values.
    package struct Header {
        let storedCount: Int
        let hasNulls: Bool

        package init(storedCount: Int, hasNulls: Bool) {
            self.storedCount = storedCount
            self.hasNulls = hasNulls
        }
    }

    package init(_ layouts: [ValueLayout]) {
        self.layouts = layouts
        slots = Array(repeating: .null, count: layouts.count)
        let leading = layouts.prefix { $0.length > 0 }
        let end = leading.reduce(0) { aligned($0, $1.alignment) + $1.length }
        fixed = (leading.count, end)
    }

    /// Finds the values of a tuple up to column `last`, counted from zero.
    ///
    /// - Parameters:
    ///   - data: what follows the header, aligned to 8.
    ///   - bitmap: one bit for each stored value, set if it is not null.
    package mutating func find(
        _ data: RawSpan, _ header: Header, bitmap: RawSpan, upTo last: Int
    ) throws(ValueFault) {
        var offset = 0
        let stored = min(header.storedCount, layouts.count)
        for index in 0..<min(stored, last &+ 1) {
            if header.hasNulls,
                try bitmap.byte(index >> 3) >> UInt8(truncatingIfNeeded: index & 7) & 1 == 0
            {
                slots[index] = .null
                continue
            }
            let extent = try layouts[index].extent(in: data, from: offset)
            slots[index] = .stored(extent)
            offset = extent.upperBound
        }
        if stored <= last {
            for index in stored..<min(last &+ 1, layouts.count) { slots[index] = .absent }
        }
    }

    /// Checks that all values of a tuple lie within it, and gathers those stored out of line.
    ///
    /// - Parameters:
    ///   - data: what follows the header, aligned to 8.
    ///   - storedCount: how many values the tuple has, nulls included.
    ///   - bitmap: one bit for each stored value, set if it is not null; nil if all are stored.
    ///   - pointers: receives the places of the pointers.
    package func check(
        _ data: RawSpan, storedCount: Int, bitmap: RawSpan?, pointers: inout [Range<Int>]
    ) throws(ValueFault) {
        let stored = min(storedCount, layouts.count)
        var index = 0
        var offset = 0
        if bitmap == nil && stored >= fixed.count {
            guard fixed.end <= data.byteCount else {
                throw .truncated(needed: fixed.end, available: data.byteCount)
            }
            (index, offset) = (fixed.count, fixed.end)
        }
        while index < stored {
            defer { index &+= 1 }
            if let bitmap,
                try bitmap.byte(index >> 3) >> UInt8(truncatingIfNeeded: index & 7) & 1 == 0
            {
                continue
            }
            let layout = layouts[index]
            let extent = try layout.extent(in: data, from: offset)
            offset = extent.upperBound
            if layout.isVarlena, try data.byte(extent.lowerBound) == 1 { pointers.append(extent) }
        }
    }

    /// The position of a column's value in the tuple last searched.
    @inline(__always)
    package func slot(_ index: Int) -> Slot { slots[index] }
}
