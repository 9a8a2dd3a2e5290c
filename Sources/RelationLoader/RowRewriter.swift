import PageFormat
import RowText
import Strata

/// Encodes the rows of pages again with other types for some columns, in order. Belongs to one
/// thread.
struct RowRewriter: ~Copyable {
    /// How copying to a page ended.
    enum Outcome {
        /// All rows of the source page were copied.
        case isDone
        /// The next row does not fit.
        case isFull
        /// A value of this column has another text in its new type.
        case changes(Int)
    }

    private var decoder: RowDecoder
    private let changed: [Bool]
    private let sourceName: String
    /// The last row of the source page that was copied.
    private var last: OffsetNumber = 0

    init(_ old: Schema, _ new: Schema, _ sourceName: String) {
        decoder = RowDecoder(schema: old)
        changed = zip(old.columns, new.columns).map { $0 != $1 }
        self.sourceName = sourceName
    }

    /// Begins a source page.
    mutating func begin() { last = 0 }

    /// Copies the rows of `view` that were not copied yet.
    mutating func copy(
        _ view: PageView, to page: inout PageEditor, _ block: UInt32, _ encoder: inout RowEncoder
    ) throws(LoaderError) -> Outcome {
        for number in view.linePointerNumbers where number > last {
            do throws(RowError) {
                if let column = try encode(number, view, &encoder) { return .changes(column) }
            } catch {
                throw Self.damage("a row cannot be read again: \(error)")
            }
            if encoder.builder.byteCount > PageLayout.maximumTupleSize {
                throw .text(
                    LoadError(
                        .rowTooLarge(
                            size: encoder.builder.byteCount, limit: PageLayout.maximumTupleSize),
                        source: sourceName))
            }
            do throws(PageFormatError) {
                if try encoder.builder.place(on: &page, block: block) == nil { return .isFull }
            } catch {
                throw Self.damage("a row cannot be put on block \(block): \(error)")
            }
            last = number
        }
        return .isDone
    }

    /// Encodes a row. Returns the first column whose text its new type does not keep.
    private mutating func encode(
        _ number: OffsetNumber, _ view: PageView, _ encoder: inout RowEncoder
    ) throws(RowError) -> Int? {
        let tuple: HeapTupleView?
        do throws(PageFormatError) { tuple = try view.tuple(number) } catch {
            throw .tuple(error)
        }
        guard let tuple else { return nil }
        try decoder.decode(tuple)
        return try encoder.encode(tuple, of: decoder, changed: changed)
    }

    /// The load's own pages hold what it put there, unless memory or disk has failed.
    private static func damage(_ message: String) -> LoaderError {
        .storage(
            StorageError(
                .invalidPage, message, remedy: "Check memory and disk, and load again."))
    }
}
