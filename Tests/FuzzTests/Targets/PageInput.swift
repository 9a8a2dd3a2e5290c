import PageFormat
import RowSchema
import RowText

/// An arbitrary page: verified, walked, decoded, written as text, and changed.
///
/// | bytes | |
/// |---|---|
/// | 1 | the columns that its tuples are assumed to have |
/// | 2 | how many of the following bytes are at the page's start |
/// | the rest | the page's start, then its end; zeroes in between |
enum PageInput {
    static let schemas: [Schema] = [
        "a integer, b text",
        "a boolean, b smallint, c integer, d bigint, e real, f double precision, g text, h date, "
            + "i timestamp, j uuid, k bytea, l numeric",
        "a numeric, b numeric not null, c bytea",
        "a timestamp, b date, c timestamp, d date",
        "a text not null, b bigint, c text, d boolean, e text, f uuid",
        "a real, b double precision, c smallint, d numeric",
    ].map {
        guard let schema = try? Schema(parsing: $0) else { preconditionFailure("no schema: \($0)") }
        return schema
    }

    static func run(_ input: [UInt8]) -> String? {
        var reader = InputReader(input)
        let schema = schemas[Int(reader.byte()) % schemas.count]
        let front = reader.bytes(min(reader.word(), PageLayout.size))
        let back = reader.remainder().suffix(PageLayout.size - front.count)
        // Memory of its own, so that a sanitizer sees each read beyond it.
        let page = UnsafeMutableRawBufferPointer.allocate(byteCount: PageLayout.size, alignment: 8)
        defer { page.deallocate() }
        page.initializeMemory(as: UInt8.self, repeating: 0)
        page.copyBytes(from: front)
        UnsafeMutableRawBufferPointer(rebasing: page[(PageLayout.size - back.count)...])
            .copyBytes(from: back)
        look(page, schema)
        edit(page) { $0.setChecksum(block: 7) }
        let isRefused = view(page) { view in
            let isSound = view.verify(block: 7, checksums: true) == .valid
            return isSound != (view.header.fault == nil && !view.isNew)
        }
        if isRefused { return "a page whose checksum was set is taken for another" }
        change(page)
        look(page, schema)
        return nil
    }

    private static func view<Result>(
        _ page: UnsafeMutableRawBufferPointer, _ body: (PageView) -> Result
    ) -> Result {
        guard let view = PageView(UnsafeRawBufferPointer(page).bytes) else {
            preconditionFailure("a page has a page's size")
        }
        return body(view)
    }

    private static func edit(
        _ page: UnsafeMutableRawBufferPointer, _ body: (inout PageEditor) -> Void
    ) {
        guard var editor = PageEditor(page.mutableBytes) else {
            preconditionFailure("a page has a page's size")
        }
        body(&editor)
    }

    /// Calls everything that reads the page.
    private static func look(_ page: UnsafeMutableRawBufferPointer, _ schema: Schema) {
        view(page) { view in
            _ = view.verify(block: 7, checksums: true)
            _ = view.verify(block: 7, checksums: false)
            _ = (view.freeSpace, view.heapFreeSpace, view.isEmpty, view.lsn, view.flags)
            var output = ByteOutput(capacity: 64)
            for format in [RowWriter.Format.csv, .jsonLines] {
                var writer = RowWriter(schema: schema, format: format)
                for number in view.linePointerNumbers {
                    _ = view.linePointer(number)
                    do throws(PageFormatError) {
                        guard let tuple = try view.tuple(number) else { continue }
                        _ = tuple.header
                        do throws(RowError) { try writer.write(tuple, to: &output) } catch {
                            _ = error.description
                        }
                    } catch {
                        _ = error.description
                    }
                    output.removeAll()
                }
            }
        }
    }

    /// Makes every possible change.
    private static func change(_ page: UnsafeMutableRawBufferPointer) {
        var builder = HeapTupleBuilder(layout: [.int32, .variable()])
        builder.begin()
        builder.append(Int32(1))
        builder.appendVariable([1, 2, 3].span.bytes)
        edit(page) { editor in
            _ = try? builder.place(on: &editor, block: 7)
            editor.setLinePointer(OffsetNumber(editor.view.linePointerCount / 2), to: .unused)
            editor.flags.insert(.hasFreeLinePointers)
            _ = try? builder.place(on: &editor, block: 7)
            _ = try? editor.addItem([UInt8](repeating: 5, count: 40).span.bytes, isHeap: false)
        }
    }
}
