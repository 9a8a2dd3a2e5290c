internal import AsyncIO
internal import PostgresReading
internal import PostgresTypes

/// Takes the text of a row that is not whole yet.
///
/// - Parameters:
///   - text: the text, which may be taken.
///   - isBeforeLarge: whether much memory will be used next, for a large value.
typealias LargeText = (_ text: inout TextOutput, _ isBeforeLarge: Bool) throws(StorageError) -> Void

extension RowWriter {
    /// Values from this size on are written in pieces.
    private static let largeSize = 1 << 20
    /// Threads that read values from this size on take turns, so that memory holds one of them.
    private static let hugeSize = 16 << 20

    /// Whether large values of a column are written in pieces: their text is their bytes, or each
    /// byte's digits.
    static func canBeLarge(
        _ column: PlannedColumn, _ form: RowForm, _ encoding: TextEncoding
    ) -> Bool {
        if case .batch = form { return false }
        guard column.isVarlena, case .attribute = column.source else { return false }
        switch column.form {
        case .bytea: return true
        case .text: return encoding.isUTF8
        default: return false
        }
    }

    /// A value that is stored compressed or out of line.
    private enum LargeValue {
        case compressed(Range<Int>, Compression)
        case external(ToastPointer)

        /// The size that it says it has.
        var size: Int {
            switch self {
            case .compressed(_, let compression): compression.size
            case .external(let pointer): pointer.rawSize - 4
            }
        }
    }

    /// Writes a large value in pieces, and delivers them. Returns false if the value is not one.
    mutating func writeLarge(
        _ index: Int, _ data: RawSpan, _ row: borrowing RowVersion, _ output: inout TextOutput,
        _ largeText: LargeText
    ) throws(RowFault) -> Bool {
        let column = plan.columns[index]
        guard canBeLarge[index],
            case .attribute(let attribute, _) = column.source,
            case .stored(let extent) = fields.slot(attribute)
        else { return false }
        let isBinary = if case .bytea = column.form { true } else { false }
        do throws(ValueFault) {
            guard let value = try Self.largeValue(data, extent) else { return false }
            // See ``remains(_:_:_:_:_:)``.
            if case .external = value, row.state != .visible { return false }
            let textSize = isBinary ? 2 + 2 * value.size : value.size
            guard textSize <= output.sizeLimit else { throw ValueFault.tooLarge(textSize) }
            if value.size >= Self.hugeSize { try deliver(&output, isBeforeLarge: true, largeText) }
            switch value {
            case .compressed(let range, _):
                let part = try data.part(range.lowerBound, range.count)
                try write(value, part, isBinary, &output, largeText)
            case .external(let pointer):
                let stored = try stored(pointer)
                unsafe try write(value, stored.span.bytes, isBinary, &output, largeText)
            }
            return true
        } catch {
            if let delivery = takeDeliveryFailure() { throw .delivery(delivery) }
            throw .value(column: column.name, error)
        }
    }

    private static func largeValue(
        _ data: RawSpan, _ extent: Range<Int>
    ) throws(ValueFault) -> LargeValue? {
        let value: LargeValue
        switch try Varlena.form(of: data, extent) {
        case .plain: return nil
        case .compressed(let range, let compression): value = .compressed(range, compression)
        case .external(let pointer): value = .external(pointer)
        }
        return value.size >= largeSize ? value : nil
    }

    /// Writes a value that a row which no transaction sees has out of line. A server removes such
    /// values before the row.
    ///
    /// - Returns: whether the value is still there; nil if it is not such a one, and not written.
    mutating func remains(
        _ index: Int, _ data: RawSpan, _ extent: Range<Int>, _ row: borrowing RowVersion,
        _ output: inout TextOutput
    ) throws(RowFault) -> Bool? {
        guard row.state != .visible, plan.columns[index].isVarlena,
            case .external(let pointer) = try? Varlena.form(of: data, extent)
        else { return nil }
        let bytes: [UInt8]
        do throws(StorageError) {
            bytes = try toast.value(pointer, ofDeadRow: true)
        } catch {
            if toast.lacksChunks { return false }
            throw .value(column: plan.columns[index].name, .malformed(error.description))
        }
        do throws(ValueFault) {
            try write(index, bytes, &output)
        } catch {
            throw .value(column: plan.columns[index].name, error)
        }
        return true
    }

    private mutating func stored(_ pointer: ToastPointer) throws(ValueFault) -> [UInt8] {
        do throws(StorageError) {
            return try toast.storedValue(pointer)
        } catch {
            throw .malformed(error.description)
        }
    }

    /// Writes the text of a value.
    ///
    /// - Parameter stored: its compressed bytes, or those of its chunks.
    private mutating func write(
        _ value: LargeValue, _ stored: RawSpan, _ isBinary: Bool, _ output: inout TextOutput,
        _ largeText: LargeText
    ) throws(ValueFault) {
        let text: PieceText
        switch form {
        case .csv:
            var isQuoted = false
            if !isBinary {
                try Self.forEachPiece(value, stored) { piece in
                    isQuoted = CSVText.hasSpecials(piece)
                    return !isQuoted
                }
            }
            text = PieceText(.csv(isQuoted: isQuoted), isBinary: isBinary)
        case .copy: text = PieceText(.copy, isBinary: isBinary)
        case .json: text = PieceText(.json, isBinary: isBinary)
        case .none, .batch: text = PieceText(.none, isBinary: isBinary)
        }
        text.begin(&output)
        var failure: ValueFault?
        try Self.forEachPiece(value, stored) { piece in
            text.write(piece, to: &output)
            do throws(ValueFault) {
                try deliver(&output, isBeforeLarge: false, largeText)
            } catch {
                failure = error
            }
            return failure == nil
        }
        if let failure { throw failure }
        text.end(&output)
    }

    /// Calls `take` with one part of the value after another, until it returns false.
    private static func forEachPiece(
        _ value: LargeValue, _ stored: RawSpan, _ take: (RawSpan) -> Bool
    ) throws(ValueFault) {
        switch value {
        case .compressed(_, let compression): try compression.forEachPiece(of: stored, take)
        case .external(let pointer): try pointer.forEachPiece(ofChunks: stored, take)
        }
    }

    /// Lets the text be taken. If that fails, the error waits in ``deliveryFailure``.
    private mutating func deliver(
        _ output: inout TextOutput, isBeforeLarge: Bool, _ largeText: LargeText
    ) throws(ValueFault) {
        do throws(StorageError) {
            try largeText(&output, isBeforeLarge)
        } catch {
            deliveryFailure = error
            throw .malformed(error.message)
        }
    }

    private mutating func takeDeliveryFailure() -> StorageError? {
        defer { deliveryFailure = nil }
        return deliveryFailure
    }
}
