import PageFormat
import Testing
import ToastFormat

@Suite("Values in chunks")
struct ToastValuesTests {
    /// Pages in memory, some of which cannot be read.
    struct Pages: ToastPages {
        struct Unreadable: Error, CustomStringConvertible {
            let description: String
        }

        var pages: [[UInt8]] = []
        var unreadable: Set<UInt32> = []
        /// How many pages were read.
        var reads = 0

        var blockCount: UInt32 { UInt32(pages.count) }

        mutating func withPage<Result>(
            _ block: UInt32, _ body: (PageView) -> Result
        ) throws(Unreadable) -> Result {
            reads += 1
            if unreadable.contains(block) { throw Unreadable(description: "page \(block)") }
            let page = pages[Int(block)]
            return body(PageView(page.span.bytes)!)
        }

        mutating func add(_ value: UInt32, _ sequence: Int32, _ bytes: ArraySlice<UInt8>) throws {
            var builder = HeapTupleBuilder(layout: ToastChunk.layout)
            builder.begin()
            builder.append(value)
            builder.append(sequence)
            builder.appendVariable(Array(bytes).span.bytes)
            while true {
                if !pages.isEmpty {
                    let block = UInt32(pages.count - 1)
                    var page = pages.removeLast()
                    var isPlaced = false
                    try page.withUnsafeMutableBytes { bytes in
                        var editor = PageEditor(unsafePage: bytes.baseAddress!)
                        isPlaced = try builder.place(on: &editor, block: block) != nil
                    }
                    pages.append(page)
                    if isPlaced { return }
                }
                var page = [UInt8](repeating: 0, count: PageLayout.size)
                page.withUnsafeMutableBytes { bytes in
                    var editor = PageEditor(unsafePage: bytes.baseAddress!)
                    editor.initialize()
                }
                pages.append(page)
            }
        }

        mutating func add(_ value: UInt32, _ bytes: [UInt8]) throws -> ExternalPointer {
            for start in stride(from: 0, to: bytes.count, by: ToastChunk.size) {
                let end = min(bytes.count, start + ToastChunk.size)
                try add(value, Int32(start / ToastChunk.size), bytes[start..<end])
            }
            return ExternalPointer(
                size: bytes.count, storedSize: bytes.count, value: value, relation: 7)
        }
    }

    /// Values of many sizes under ascending numbers with gaps.
    private func fill(_ count: Int) throws -> (Pages, [(ExternalPointer, [UInt8])]) {
        var dice = Dice(seed: 17)
        var pages = Pages()
        var values: [(ExternalPointer, [UInt8])] = []
        var number: UInt32 = 1
        let sizes = [1, 2, 3, 126, 127, 1995, 1996, 1997, 3992, 9000, 40_000]
        for index in 0..<count {
            let bytes = dice.bytes(sizes[index % sizes.count])
            values.append((try pages.add(number, bytes), bytes))
            number += 1 + UInt32(dice.next() % 3)
        }
        return (pages, values)
    }

    @Test("values are found in any order")
    func anyOrder() throws {
        let (pages, values) = try fill(400)
        var reader = ToastValues(pages)
        for (pointer, bytes) in values { #expect(try reader.read(pointer) == bytes) }
        for (pointer, bytes) in values.reversed() { #expect(try reader.read(pointer) == bytes) }
        var dice = Dice(seed: 23)
        for (pointer, bytes) in values.shuffled(using: &dice) {
            #expect(try reader.read(pointer) == bytes)
        }
        #expect(try reader.greatestValue() == values.last?.0.value)
        // A value that is not there.
        let known = Set(values.map(\.0.value))
        for number in 1..<UInt32(800) where !known.contains(number) {
            let pointer = ExternalPointer(size: 5, storedSize: 5, value: number, relation: 7)
            #expect(throws: ValueLoss.self) { try reader.read(pointer) }
        }
    }

    @Test("pages that cannot be read lose their own values only")
    func unreadablePages() throws {
        var (pages, values) = try fill(400)
        pages.unreadable = [0, 1, 40, 41, 42, 90, pages.blockCount - 1]
        var reader = ToastValues(pages)
        var lost = 0
        var dice = Dice(seed: 29)
        for (pointer, bytes) in values.shuffled(using: &dice) {
            if let found = try? reader.read(pointer) {
                #expect(found == bytes)
            } else {
                lost += 1
            }
        }
        // No page has more than a few of these values.
        #expect((7...70).contains(lost), "\(lost)")
        #expect(throws: Pages.Unreadable.self) { try reader.greatestValue() }
    }

    @Test("a missing, repeated, short or foreign chunk is named")
    func damagedChunks() throws {
        func reason(_ add: (inout Pages) throws -> Void) throws -> String {
            var pages = Pages()
            _ = try pages.add(1, [UInt8](repeating: 1, count: 5000))
            try add(&pages)
            _ = try pages.add(3, [UInt8](repeating: 3, count: 5000))
            var reader = ToastValues(pages)
            let pointer = ExternalPointer(size: 5000, storedSize: 5000, value: 2, relation: 7)
            do throws(ValueLoss) {
                _ = try reader.read(pointer)
                return "none"
            } catch {
                return error.reason
            }
        }
        let full = [UInt8](repeating: 2, count: 1996)[...]
        let rest = [UInt8](repeating: 2, count: 1008)[...]
        #expect(
            try reason {
                try $0.add(2, 0, full)
                try $0.add(2, 1, full)
                try $0.add(2, 2, rest)
            } == "none")
        #expect(try reason { _ in }.contains("chunk 0 of value 2, which has 3, is missing"))
        #expect(
            try reason {
                try $0.add(2, 0, full)
                try $0.add(2, 1, full)
            }.contains("chunk 2 of value 2, which has 3, is missing"))
        #expect(
            try reason {
                try $0.add(2, 0, full)
                try $0.add(2, 2, rest)
            }.contains("chunk 2 of 1008 bytes stands where chunk 1 of 1996 should"))
        #expect(
            try reason {
                try $0.add(2, 0, full)
                try $0.add(2, 1, full)
                try $0.add(2, 2, rest.dropLast())
            }.contains("chunk 2 of 1007 bytes"))
    }

    @Test("pointers of any bytes are read or refused, and claim no memory that they do not have")
    func forgedPointers() throws {
        let (pages, values) = try fill(60)
        var reader = ToastValues(pages)
        var dice = Dice(seed: 31)
        var read = 0
        for round in 0..<20_000 {
            let bytes = values[round % values.count].0.bytes
            var forged = (0..<16).map { bytes[$0] }
            for _ in 0...(dice.next() % 2) {
                forged[Int(dice.next() % 16)] = UInt8(truncatingIfNeeded: dice.next())
            }
            guard let pointer = try? ExternalPointer(forged.span.bytes) else { continue }
            if let found = try? reader.read(pointer) {
                #expect(found.count == pointer.storedSize)
                read += 1
            }
        }
        #expect(read > 0)
        let huge = ExternalPointer(
            size: ExternalPointer.largestValue, storedSize: ExternalPointer.largestValue, value: 1,
            relation: 7)
        #expect(throws: ValueLoss.self) { try reader.read(huge) }
        #expect(try ExternalPointer(Array((0..<16).map { huge.bytes[$0] }).span.bytes) == huge)
    }

    @Test("a search reads few pages")
    func searches() throws {
        let (pages, values) = try fill(2000)
        #expect(pages.blockCount > 1000)
        var dice = Dice(seed: 37)
        for (pointer, bytes) in values.shuffled(using: &dice).prefix(50) {
            let counted = CountedPages(pages)
            var reader = ToastValues(counted)
            #expect(try reader.read(pointer) == bytes)
            #expect(counted.reads <= 13 + (pointer.chunkCount + 3) / 4 + 1)
        }
    }

    /// Pages that count how often they are read.
    final class CountedPages: ToastPages {
        private var pages: Pages
        var reads: Int { pages.reads }
        var blockCount: UInt32 { pages.blockCount }

        init(_ pages: Pages) { self.pages = pages }

        func withPage<Result>(
            _ block: UInt32, _ body: (PageView) -> Result
        ) throws(Pages.Unreadable) -> Result {
            try pages.withPage(block, body)
        }
    }
}
