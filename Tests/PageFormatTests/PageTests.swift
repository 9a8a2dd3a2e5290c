import PageFormat
import Testing

@Suite("Pages")
struct PageTests {
    @Test("only bytes of a page's size are a page")
    func size() {
        for count in [0, 1, 24, 8191, 8193, 16384] {
            var bytes = [UInt8](repeating: 0, count: count)
            let isReadable = PageView(unsafe bytes.span.bytes) != nil
            #expect(!isReadable)
            var span = bytes.mutableSpan
            let isEditable = PageEditor(unsafe span.mutableBytes) != nil
            #expect(!isEditable)
        }
    }

    @Test("a page can be made from a bare pointer, aligned or not")
    func pointer() throws {
        for shift in 0..<3 {
            let memory = UnsafeMutableRawPointer.allocate(
                byteCount: PageLayout.size + shift, alignment: 8)
            defer { unsafe memory.deallocate() }
            let start = unsafe memory + shift
            var editor = unsafe PageEditor(unsafePage: start)
            editor.initialize()
            let item: [UInt8] = [1, 2, 3]
            #expect(try editor.addItem(unsafe item.span.bytes) == 1)
            editor.setChecksum(block: 8)
            let view = unsafe PageView(unsafePage: start)
            #expect(view.verify(block: 8, checksums: true) == .valid)
            let copy = TestPage([UInt8](view.bytes), block: 0)
            #expect(try copy.item(1) == item)
        }
    }

    @Test(
        "a special space that leaves no room for the header is refused",
        arguments: [-1, 8169, 9000, .max, .min])
    func specialSize(size: Int) {
        let error = PageFormatError.badSpecialSize(size, limit: 8168)
        #expect(throws: error) { try PageHeader(specialSize: size) }
        var page = TestPage.empty()
        let before = page.bytes
        #expect(throws: error) {
            try page.edit { page throws(PageFormatError) in
                try page.initialize(specialSize: size)
            }
        }
        #expect(page.bytes == before)
        #expect(TestPage.empty(specialSize: 8168).read { $0.header.fault } == nil)
    }

    @Test("headers survive being written and read")
    func header() throws {
        var header = try PageHeader(specialSize: 13)
        #expect(header.special == 8176 && header.upper == 8176 && header.lower == 24)
        header.lsn = LSN(0x0000_0016_B374_D848)
        header.checksum = 0x1234
        header.flags = [.allVisible, .isFull]
        header.lower = 28
        header.pruneXID = 0xDEAD_BEEF
        var page = TestPage()
        page.edit { $0.header = header }
        #expect(page.read { $0.header } == header)
        #expect(header.fault == nil && header.size == 8192 && header.version == 4)
        #expect(
            Array(page.bytes[..<24]) == [
                0x16, 0, 0, 0, 0x48, 0xD8, 0x74, 0xB3, 0x34, 0x12, 6, 0, 28, 0, 0xF0, 0x1F, 0xF0,
                0x1F, 4, 0x20, 0xEF, 0xBE, 0xAD, 0xDE,
            ])
        #expect(page.read { $0.lsn } == header.lsn && page.read { $0.flags } == header.flags)
    }

    @Test("log positions print as PostgreSQL prints them, and compare")
    func lsn() {
        #expect(LSN(0x0000_0016_B374_D848).description == "16/B374D848")
        #expect(LSN.zero.description == "0/0")
        #expect(LSN(UInt64.max).description == "FFFFFFFF/FFFFFFFF")
        #expect(LSN(0xFFFF_FFFF) < LSN(0x1_0000_0000))
        var page = TestPage.empty()
        page.edit { $0.lsn = LSN(0x1_0000_0002) }
        #expect(page.read { $0.lsn } == LSN(0x1_0000_0002))
    }

    @Test("line pointers keep state, offset and length")
    func linePointer() {
        let pointer = LinePointer(state: .normal, offset: 8160, length: 32)
        #expect(pointer.rawValue == 8160 | 1 << 15 | 32 << 17)
        for state in [LinePointer.State.unused, .normal, .redirect, .dead] {
            let pointer = LinePointer(state: state, offset: 0x7FFF, length: 0x7FFF)
            #expect(pointer.state == state)
            #expect(pointer.offset == 0x7FFF && pointer.length == 0x7FFF)
        }
    }

    @Test("items are added from the end, until the page is full")
    func addItems() throws {
        var page = TestPage.empty()
        let item = [UInt8](repeating: 7, count: 100)
        var count: UInt16 = 0
        while let number = try page.add(item) {
            count += 1
            #expect(number == count)
        }
        #expect(count == (8192 - 24) / (104 + 4))
        #expect(page.read { $0.linePointerCount } == Int(count))
        #expect(page.read { $0.freeSpace } < 104)
        #expect(page.read { $0.header }.fault == nil)
        let first = page.read { $0.linePointer(1) }
        #expect(first == LinePointer(state: .normal, offset: 8192 - 104, length: 100))
        for number in 1...count {
            #expect(try page.item(number) == item)
        }
        #expect(page.read { $0.linePointer(0) } == nil)
        #expect(page.read { $0.linePointer(count + 1) } == nil)
        #expect(throws: PageFormatError.noSuchLinePointer(0, count: Int(count))) {
            try page.item(0)
        }
    }

    @Test("a heap page has at most 291 line pointers, other pages more")
    func heapLimit() throws {
        #expect(PageLayout.maxHeapTuplesPerPage == 291)
        #expect(PageLayout.maximumTupleSize == 8160)
        let item = [UInt8](repeating: 1, count: 8)
        for isHeap in [true, false] {
            var page = TestPage.empty()
            var count = 0
            while try page.add(item, isHeap: isHeap) != nil {
                count += 1
            }
            #expect(count == (isHeap ? 291 : 8168 / 12))
            #expect(page.read { $0.heapFreeSpace } == 0)
        }
    }

    @Test("an unused line pointer is used again, if the header hints at it")
    func reuse() throws {
        var page = TestPage.empty()
        let item = [UInt8](repeating: 1, count: 8)
        for _ in 0..<291 { try page.add(item) }
        page.edit { _ = $0.setLinePointer(100, to: .unused) }
        #expect(try page.add(item) == nil)
        #expect(page.read { $0.heapFreeSpace } == 0)
        page.edit { _ = $0.flags.insert(.hasFreeLinePointers) }
        #expect(page.read { $0.heapFreeSpace } > 0)
        #expect(try page.add(item) == 100)
        // The hint was wrong this time, and is cleared.
        #expect(try page.add(item) == nil)
        #expect(!page.read { $0.flags }.contains(.hasFreeLinePointers))
        #expect(page.read { $0.linePointerCount } == 291)
    }

    @Test("nothing is added to a damaged or new page")
    func damagedPage() {
        let item = [UInt8](repeating: 1, count: 8)
        func add(to page: TestPage) throws {
            var page = page
            let before = page.bytes
            defer { #expect(page.bytes == before) }
            try page.add(item)
        }
        #expect(throws: PageFormatError.badHeader(.lower)) { try add(to: TestPage()) }
        var page = TestPage.empty()
        page.store(9000, at: 14)
        #expect(throws: PageFormatError.badHeader(.upper)) { try add(to: page) }
    }

    @Test("items outside the item space are refused")
    func badLinePointers() throws {
        var page = TestPage.empty(specialSize: 8)
        let item = [UInt8](repeating: 1, count: 64)
        let cases: [(LinePointer, PageFormatError.LinePointerFault)] = [
            (LinePointer(state: .normal, offset: 8121, length: 8), .unalignedOffset(8121)),
            (
                LinePointer(state: .normal, offset: 24, length: 8),
                .outsideItemSpace(offset: 24, length: 8)
            ),
            (
                LinePointer(state: .normal, offset: 8176, length: 16),
                .outsideItemSpace(offset: 8176, length: 16)
            ),
            (
                LinePointer(state: .normal, offset: 32760, length: 32767),
                .outsideItemSpace(offset: 32760, length: 32767)
            ),
        ]
        for (pointer, fault) in cases {
            page = TestPage.empty(specialSize: 8)
            try page.add(item)
            page.edit { _ = $0.setLinePointer(1, to: pointer) }
            #expect(throws: PageFormatError.badLinePointer(1, fault)) { try page.item(1) }
        }
    }
}
