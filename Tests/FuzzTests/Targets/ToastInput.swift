import PageFormat
import RowSchema
import Strata

// `package` declarations, from another package too.
@testable import PageChecking
@testable import RowText
@testable import ToastFormat

/// A page of rows with values compressed or out of line, and the pages with their chunks.
///
/// | bytes | |
/// |---|---|
/// | 8192 | the page of rows |
/// | the rest | the pages of chunks, the last one filled up with zeroes |
enum ToastInput {
    private static let schema: Schema = {
        guard
            let schema = try? Schema(
                parsing: "a integer, b text, c bytea, d numeric, e jsonb, f text")
        else { preconditionFailure("no schema") }
        return schema
    }()

    /// What a scan finds must be found by verifying, too.
    static func run(_ input: [UInt8]) -> String? {
        let rows = page(input.prefix(PageLayout.size))
        var chunks: [[UInt8]] = []
        for start in stride(from: PageLayout.size, to: input.count, by: PageLayout.size) {
            chunks.append(page(input[start..<min(input.count, start + PageLayout.size)]))
        }
        guard let view = PageView(rows.span.bytes) else { return "a page without a page's size" }
        var writer = RowWriter(schema: schema, format: .jsonLines)
        var values = ToastValues(MemoryPages(pages: chunks))
        var output = ByteOutput(capacity: 1 << 12)
        var isDamaged = false
        for number in view.linePointerNumbers {
            do {
                guard let tuple = try view.tuple(number) else { continue }
                let before = output.count
                do {
                    try writer.write(tuple, from: &values, to: &output)
                } catch {
                    isDamaged = true
                    if output.count != before { return "a row that is lost is written" }
                }
            } catch {
                isDamaged = true
            }
        }
        var check = RowCheck(schema, values: ToastValues(MemoryPages(pages: chunks)))
        return isDamaged && check.fault(on: view) == nil ? "verifying finds no damage" : nil
    }

    private static func page(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        Array(bytes) + [UInt8](repeating: 0, count: PageLayout.size - bytes.count)
    }

    private struct MemoryPages: ToastPages {
        enum Failure: Error, CustomStringConvertible {
            case noPage
            var description: String { "there is no such page" }
        }

        let pages: [[UInt8]]
        var blockCount: UInt32 { UInt32(pages.count) }

        mutating func withPage<Result>(
            _ block: UInt32, _ body: (PageView) -> Result
        ) throws(Failure) -> Result {
            guard pages.indices.contains(Int(block)) else { throw .noPage }
            let page = pages[Int(block)]
            guard let view = PageView(page.span.bytes) else { throw .noPage }
            return body(view)
        }
    }
}
