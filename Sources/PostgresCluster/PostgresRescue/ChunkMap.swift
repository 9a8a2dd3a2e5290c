/// Where the chunks of values stored out of line are. Sixteen bytes a chunk; memory is bounded.
struct ChunkMap {
    /// A chunk.
    struct Entry {
        let value: UInt32
        let number: UInt32
        /// Where its tuple is: a block or sector in the upper 48 bits; below, the tuple's beginning
        /// in units of eight bytes, and flags.
        let place: UInt64

        init(value: UInt32, number: UInt32, page: UInt64, start: Int, isWhole: Bool) {
            self.value = value
            self.number = number
            let unit = UInt64(truncatingIfNeeded: start / 8) & Self.unitMask
            place = page << 16 | unit | (isWhole ? 0 : Self.damaged)
        }

        private static let unitMask: UInt64 = 0x3FF
        private static let damaged: UInt64 = 0x8000

        var page: UInt64 { place >> 16 }
        /// The tuple's offset on its page.
        var start: Int { Int(place & Self.unitMask) * 8 }
        /// Whether its page is whole.
        var isWhole: Bool { place & Self.damaged == 0 }

        /// By value and number; of several, those on whole pages first.
        fileprivate static func isBefore(_ first: Entry, _ second: Entry) -> Bool {
            (first.value, first.number, first.place & damaged, first.place)
                < (second.value, second.number, second.place & damaged, second.place)
        }
    }

    private var entries: [Entry] = []
    private var isSorted = true
    /// Whether chunks were left out because there are more than ``mostEntries``.
    private(set) var isFull = false

    /// 64 MiB.
    static let mostEntries = 4 << 20

    mutating func add(_ entry: Entry) {
        guard entries.count < Self.mostEntries else {
            isFull = true
            return
        }
        entries.append(entry)
        isSorted = false
    }

    /// Must be called before chunks are looked up.
    mutating func sort() {
        if isSorted { return }
        entries.sort(by: Entry.isBefore)
        isSorted = true
    }

    /// The chunks of a value, by number; several may have one number. O(log entries).
    func chunks(of value: UInt32) -> ArraySlice<Entry> {
        let start = firstIndex(from: value)
        var end = start
        while end < entries.count, entries[end].value == value { end += 1 }
        return entries[start..<end]
    }

    private func firstIndex(from value: UInt32) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = low + (high - low) / 2
            if entries[middle].value < value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
