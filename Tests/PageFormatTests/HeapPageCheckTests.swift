import PageFormat
import Testing

/// The bytes are not a page, or not the expected one.
private struct NotAPage: Error {}

/// What line pointers and tuple headers reveal despite a valid checksum.
@Suite struct HeapPageCheckTests {
    private static let layout: [AttributeLayout] = [.int32, .variable()]

    /// A page of three rows.
    private static func makePage() throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: PageLayout.size)
        try edit(&bytes) { editor in
            editor.initialize()
            var row = HeapTupleBuilder(layout: layout)
            for number in 0..<3 as Range<Int32> {
                row.begin()
                row.append(number)
                row.appendVariable([1, 2, 3, 4, 5].span.bytes)
                _ = try row.place(on: &editor, block: 0)
            }
        }
        return bytes
    }

    private static func edit(
        _ bytes: inout [UInt8], _ body: (inout PageEditor) throws -> Void
    ) throws {
        try unsafe bytes.withUnsafeMutableBytes { buffer in
            var editor = unsafe PageEditor(unsafePage: try #require(buffer.baseAddress))
            try body(&editor)
        }
    }

    private static func withView<Result>(
        _ bytes: [UInt8], _ body: (PageView) throws -> Result
    ) throws -> Result {
        guard let view = PageView(bytes.span.bytes) else { throw NotAPage() }
        return try body(view)
    }

    private static func set(_ pointer: LinePointer, _ number: Int, on bytes: inout [UInt8]) {
        for byte in 0..<4 {
            bytes[PageLayout.lineStart + (number - 1) * 4 + byte] =
                UInt8(truncatingIfNeeded: pointer.rawValue >> (8 * UInt32(byte)))
        }
    }

    private static func fault(
        _ bytes: [UInt8]
    ) throws -> PageFormatError.LinePointerFault? {
        try withView(bytes) { view in
            guard let fault = HeapPageCheck.linePointerFault(in: view) else { return nil }
            guard case .badLinePointer(_, let reason) = fault else {
                Issue.record("\(fault)")
                return nil
            }
            return reason
        }
    }

    @Test func soundPages() throws {
        #expect(try Self.fault(try Self.makePage()) == nil)
        #expect(try Self.fault([UInt8](repeating: 0, count: PageLayout.size)) == nil)
    }

    @Test func linePointers() throws {
        let page = try Self.makePage()
        let second = try Self.withView(page) { view in
            guard let pointer = view.linePointer(2) else { throw NotAPage() }
            return pointer
        }
        let third = try Self.withView(page) { view in
            guard let pointer = view.linePointer(3) else { throw NotAPage() }
            return pointer
        }
        func found(_ pointer: LinePointer) throws -> PageFormatError.LinePointerFault? {
            var bytes = page
            Self.set(pointer, 2, on: &bytes)
            return try Self.fault(bytes)
        }
        let (offset, length) = (second.offset, second.length)
        #expect(
            try found(LinePointer(state: .normal, offset: offset + 4, length: length))
                == .unalignedOffset(offset + 4))
        #expect(
            try found(LinePointer(state: .normal, offset: 32, length: length))
                == .outsideItemSpace(offset: 32, length: length))
        #expect(
            try found(LinePointer(state: .normal, offset: offset, length: 22))
                == .tooShort(length: 22))
        #expect(
            try found(LinePointer(state: .normal, offset: third.offset, length: third.length))
                == .overlap(offset: third.offset, length: third.length))
        #expect(
            try found(LinePointer(state: .normal, offset: offset, length: length + 8))
                == .overlap(offset: offset, length: length + 8))
        #expect(
            try found(LinePointer(state: .redirect, offset: 4, length: 0)) == .badRedirect(to: 4))
        #expect(
            try found(LinePointer(state: .redirect, offset: 2, length: 0)) == .badRedirect(to: 2))
        // PostgreSQL leaves such line pointers.
        #expect(try found(LinePointer(state: .redirect, offset: 1, length: 0)) == nil)
        #expect(try found(LinePointer(state: .dead, offset: 0, length: 0)) == nil)
        #expect(try found(.unused) == nil)
    }

    @Test func itemsInAnotherOrder() throws {
        var bytes = try Self.makePage()
        let pointers = try Self.withView(bytes) { view in
            (1...3).compactMap { view.linePointer($0) }
        }
        for (number, pointer) in pointers.reversed().enumerated() {
            Self.set(pointer, number + 1, on: &bytes)
        }
        #expect(try Self.fault(bytes) == nil)
    }

    @Test func tupleHeaders() throws {
        var bytes = try Self.makePage()
        let offset = try Self.withView(bytes) { view in
            guard let pointer = view.linePointer(2) else { throw NotAPage() }
            return pointer.offset
        }
        func fault(_ columns: Int) throws -> PageFormatError? {
            try Self.withView(bytes) { view in
                guard let tuple = try view.tuple(2) else { throw NotAPage() }
                return tuple.headerFault(attributes: columns)
            }
        }
        #expect(try fault(2) == nil)
        #expect(try fault(3) == nil, "columns that were added later")
        #expect(try fault(1) == .badTuple(2, .moreAttributes(2, than: 1)))
        bytes[offset + 20] |= 4
        #expect(try fault(2) == .badTuple(2, .storedElsewhere))
    }

    @Test func anyBytes() throws {
        var random = SystemRandomNumberGenerator()
        let page = try Self.makePage()
        for _ in 0..<2000 {
            var bytes = page
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                let offset = Int.random(
                    in: 0..<(Bool.random() ? 48 : PageLayout.size), using: &random)
                bytes[offset] = UInt8.random(in: 0...255, using: &random)
            }
            try Self.withView(bytes) { view in
                if HeapPageCheck.linePointerFault(in: view) != nil { return }
                // Then each tuple can be read, or reports itself what is wrong.
                for number in view.linePointerNumbers {
                    do throws(PageFormatError) {
                        _ = try view.tuple(number)?.headerFault(attributes: 2)
                    } catch {
                        if case .badLinePointer = error { Issue.record("\(error)") }
                    }
                }
            }
        }
    }
}
