import PageFormat
import RowText
import Strata
import ToastFormat

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
        /// The next row has values compressed or out of line: ``encodeStored(_:from:)`` encodes it.
        case isStored
        /// Values of the next row are to be stored elsewhere first.
        case isWide
    }

    private var decoder: RowDecoder
    private let changed: [Bool]
    private let sourceName: String
    /// The last row of the source page that was copied.
    private var last: OffsetNumber = 0
    /// The row of the source page that is encoded already; 0 for none.
    private var ready: OffsetNumber = 0
    /// The row to encode by ``encodeStored(_:from:)``.
    private var stored: [UInt8] = []

    init(_ old: Schema, _ new: Schema, _ sourceName: String) {
        decoder = RowDecoder(schema: old)
        changed = zip(old.columns, new.columns).map { $0 != $1 }
        self.sourceName = sourceName
    }

    /// Begins a source page.
    mutating func begin() { (last, ready) = (0, 0) }

    /// Copies the rows of `view` that were not copied yet.
    mutating func copy(
        _ view: PageView, to page: inout PageEditor, _ block: UInt32, _ encoder: inout RowEncoder
    ) throws(LoaderError) -> Outcome {
        for number in view.linePointerNumbers where number > last {
            if number != ready {
                do throws(RowError) {
                    guard let tuple = try Self.tuple(number, view) else { continue }
                    if let column = try encode(tuple, &encoder) { return .changes(column) }
                } catch {
                    guard error.isStoredForm else { throw Self.unreadable(error) }
                    ready = number
                    return .isStored
                }
                ready = number
                if encoder.movedCount > 0 { return .isWide }
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

    /// Encodes the row that ``Outcome/isStored`` has announced.
    ///
    /// - Returns: the first column whose text its new type does not keep.
    mutating func encodeStored(
        _ encoder: inout RowEncoder, from values: inout some ExternalValues
    ) throws(LoaderError) -> Int? {
        let bytes = stored
        do throws(RowError) {
            let tuple: HeapTupleView
            do throws(PageFormatError) {
                tuple = try HeapTupleView(unsafe bytes.span.bytes, number: ready)
            } catch {
                throw RowError.tuple(error)
            }
            try decoder.decode(tuple, from: &values, of: changed.indices.filter { changed[$0] })
            return try encoder.encode(tuple, of: decoder, changed: changed)
        } catch {
            throw Self.unreadable(error)
        }
    }

    @_lifetime(copy view)
    private static func tuple(
        _ number: OffsetNumber, _ view: PageView
    ) throws(RowError) -> HeapTupleView? {
        do throws(PageFormatError) { return try view.tuple(number) } catch { throw .tuple(error) }
    }

    /// Encodes a row. Returns the first column whose text its new type does not keep.
    private mutating func encode(
        _ tuple: HeapTupleView, _ encoder: inout RowEncoder
    ) throws(RowError) -> Int? {
        do throws(RowError) {
            try decoder.decode(tuple)
        } catch {
            if error.isStoredForm {
                stored = unsafe tuple.bytes.withUnsafeBytes { unsafe Array($0) }
            }
            throw error
        }
        return try encoder.encode(tuple, of: decoder, changed: changed)
    }

    private static func unreadable(_ error: RowError) -> LoaderError {
        damage("a row cannot be read again: \(error)")
    }

    /// The load's own pages hold what it put there, unless memory or disk has failed.
    private static func damage(_ message: String) -> LoaderError {
        .storage(
            StorageError(
                .invalidPage, message, remedy: "Check memory and disk, and load again."))
    }
}
