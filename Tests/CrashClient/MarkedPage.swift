import BufferManager
import PageFormat
import Strata

/// Pages with one row, which holds a mark and the page's block and fills most of the page with the
/// mark.
enum MarkedPage {
    static let schema: Schema = {
        guard let schema = try? Schema(parsing: "mark integer, block bigint, filler bytea") else {
            preconditionFailure("the columns are SQL")
        }
        return schema
    }()

    static func fill(_ page: borrowing PinnedPage, _ mark: Int32) {
        let block = page.block.rawValue
        var builder = HeapTupleBuilder(layout: schema.layout)
        builder.begin()
        builder.append(mark)
        builder.append(Int64(block))
        // Several lengths, so that compressed chunks change theirs.
        let filler = (0..<Int(2000 + mark % 50 * 100)).map {
            UInt8(truncatingIfNeeded: Int(mark) &* ($0 % 7 == 0 ? $0 : 1))
        }
        builder.appendVariable(filler.span.bytes)
        page.withEditor { editor in
            editor.initialize()
            guard (try? builder.place(on: &editor, block: block)) == 1 else {
                preconditionFailure("one row fits")
            }
        }
    }

    /// The mark of a page; -1 if ``fill(_:_:)`` did not make it like this.
    static func mark(of page: borrowing PinnedPage) -> Int32 {
        let block = Int64(page.block.rawValue)
        return page.withView { view in
            var decoder = HeapTupleDecoder(layout: schema.layout)
            guard let tuple = try? view.tuple(1), (try? decoder.decode(tuple)) != nil,
                let mark = try? decoder.integer(0, of: tuple, as: Int32.self),
                (try? decoder.integer(1, of: tuple, as: Int64.self)) == block,
                decoder.value(2, of: tuple)?.byteCount == Int(2000 + mark % 50 * 100)
            else { return -1 }
            return mark
        }
    }
}
