import PageFormat

/// A page in an array, to read and change in closures.
struct TestPage {
    var bytes: [UInt8]

    /// A page of zeroes.
    init() {
        bytes = Array(repeating: 0, count: PageLayout.size)
    }

    /// Block `block` of a file's bytes.
    init(_ file: [UInt8], block: Int) {
        bytes = Array(file[block * PageLayout.size..<(block + 1) * PageLayout.size])
    }

    /// An initialised page without items.
    static func empty(specialSize: Int = 0) -> TestPage {
        var page = TestPage()
        do throws(PageFormatError) {
            try page.edit { page throws(PageFormatError) in
                try page.initialize(specialSize: specialSize)
            }
        } catch {
            preconditionFailure("\(error)")
        }
        return page
    }

    func read<Result, Failure: Error>(
        _ body: (PageView) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard let view = PageView(unsafe bytes.span.bytes) else {
            preconditionFailure("A test page has a page's size.")
        }
        return try body(view)
    }

    mutating func edit<Result, Failure: Error>(
        _ body: (inout PageEditor) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var span = bytes.mutableSpan
        guard var editor = PageEditor(unsafe span.mutableBytes) else {
            preconditionFailure("A test page has a page's size.")
        }
        return try body(&editor)
    }

    /// Adds an item. Returns and throws as `PageEditor.addItem` does.
    @discardableResult
    mutating func add(
        _ item: [UInt8], isHeap: Bool = true
    ) throws(PageFormatError) -> OffsetNumber? {
        try edit { (page: inout PageEditor) throws(PageFormatError) in
            try page.addItem(unsafe item.span.bytes, isHeap: isHeap)
        }
    }

    /// The bytes of an item; nil if the line pointer has none.
    @discardableResult
    func item(_ number: OffsetNumber) throws(PageFormatError) -> [UInt8]? {
        try read { (page: PageView) throws(PageFormatError) in
            guard let item = try page.item(number) else { return nil }
            return [UInt8](item)
        }
    }

    /// The values of a tuple, with nulls as nil; nil if the line pointer has no tuple.
    @discardableResult
    func values(
        _ number: OffsetNumber, layout: [AttributeLayout]
    ) throws(PageFormatError) -> [[UInt8]?]? {
        try read { (page: PageView) throws(PageFormatError) in
            guard let tuple = try page.tuple(number) else { return nil }
            var decoder = HeapTupleDecoder(layout: layout)
            try decoder.decode(tuple)
            var values: [[UInt8]?] = []
            for index in layout.indices {
                if let value = decoder.value(index, of: tuple) {
                    values.append([UInt8](value))
                } else {
                    values.append(nil)
                }
            }
            return values
        }
    }

    /// Puts a tuple on the page. Returns and throws as `HeapTupleBuilder.place` does.
    @discardableResult
    mutating func place(
        _ builder: inout HeapTupleBuilder, block: UInt32 = 0
    ) throws(PageFormatError) -> OffsetNumber? {
        try edit { (page: inout PageEditor) throws(PageFormatError) in
            try builder.place(on: &page, block: block)
        }
    }

    /// Stores a little-endian 16-bit value.
    mutating func store(_ value: UInt16, at offset: Int) {
        bytes[offset] = UInt8(truncatingIfNeeded: value)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: value >> 8)
    }
}

/// A small generator whose numbers depend only on its seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension TestPage {
    /// A page of random bytes.
    static func random(using generator: inout SeededGenerator) -> TestPage {
        var page = TestPage()
        for index in page.bytes.indices {
            page.bytes[index] = UInt8(truncatingIfNeeded: generator.next())
        }
        return page
    }
}

extension Array where Element == UInt8 {
    /// The bytes of a span.
    init(_ span: RawSpan) {
        self = span.byteOffsets.map { unsafe span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
    }
}
