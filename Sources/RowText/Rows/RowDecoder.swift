public import PageFormat
public import RowSchema
package import ToastFormat
public import ValueText

/// Why a tuple cannot be read as a row.
public enum RowError: Error, Sendable, Equatable {
    /// The tuple is damaged.
    case tuple(PageFormatError)
    /// The value of a column is not of its type.
    case value(ValueError, column: String, tuple: OffsetNumber)
    /// The value of a column is compressed or stored out of line, and cannot be had for a reason.
    case lost(String, column: String, tuple: OffsetNumber)
}

extension RowError {
    /// Whether only ``RowDecoder/decode(_:from:of:)`` can read the tuple.
    package var isStoredForm: Bool {
        if case .tuple(let error) = self { error.isStoredForm } else { false }
    }
}

extension RowError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tuple(let error): "\(error)"
        case .value(let error, let column, let tuple):
            "tuple \(tuple), column \"\(column)\": \(error)"
        case .lost(let reason, let column, let tuple):
            "tuple \(tuple), column \"\(column)\": \(reason)"
        }
    }
}

/// Converts heap tuples into the texts of their values: in the column's spelling if it has one,
/// else as PostgreSQL prints them.
///
/// Owned by one thread at a time. Allocates nothing per row.
public struct RowDecoder {
    /// The columns of the tuples.
    public let schema: Schema
    private let forms: [FieldForm]
    private var decoder: HeapTupleDecoder
    /// The values of the last decoded tuple that it does not hold as they are.
    private var expanded: [Int: [UInt8]] = [:]

    /// Makes a decoder for tuples of `schema`.
    public init(schema: Schema) {
        self.schema = schema
        forms = schema.columns.map(FieldForm.init)
        decoder = HeapTupleDecoder(layout: schema.layout)
    }

    /// Finds the values of a tuple, for ``isNull(_:)`` and ``write(_:of:to:)``.
    public mutating func decode(_ tuple: HeapTupleView) throws(RowError) {
        if !expanded.isEmpty { expanded = [:] }
        do throws(PageFormatError) {
            try decoder.decode(tuple)
        } catch {
            throw .tuple(error)
        }
    }

    /// Finds the values of a tuple that may hold some of them compressed or out of line.
    ///
    /// - Parameters:
    ///   - tuple: the tuple.
    ///   - values: finds what is out of line.
    ///   - columns: the columns whose values are wanted; only these can be written.
    package mutating func decode(
        _ tuple: HeapTupleView, from values: inout some ExternalValues, of columns: [Int]
    ) throws(RowError) {
        expanded = [:]
        do throws(PageFormatError) {
            try decoder.decodeStored(tuple)
        } catch {
            throw .tuple(error)
        }
        for column in columns where decoder.form(column) != .plain && expanded[column] == nil {
            guard let bytes = decoder.value(column, of: tuple) else { continue }
            do throws(ValueLoss) {
                expanded[column] = try values.expand(bytes, decoder.form(column))
            } catch {
                throw .lost(
                    error.reason, column: schema.columns[column].name, tuple: tuple.number)
            }
        }
    }

    /// Gives the memory of large values back.
    mutating func forgetExpanded() { expanded = [:] }

    /// The form of a column's value in the last decoded tuple.
    func form(_ column: Int) -> StoredForm { decoder.form(column) }

    /// Whether the column of the last decoded tuple is NULL.
    public func isNull(_ column: Int) -> Bool {
        decoder.isNull(column)
    }

    /// The stored bytes of a column of `tuple`, which must be the last decoded one; nil for NULL.
    @_lifetime(copy tuple)
    @inline(__always)
    func value(_ column: Int, of tuple: HeapTupleView) -> RawSpan? {
        decoder.value(column, of: tuple)
    }

    /// Appends the text of a column of `tuple`, which must be the last decoded one. Appends nothing
    /// for NULL.
    public func write(
        _ column: Int, of tuple: HeapTupleView, to output: inout ByteOutput
    ) throws(RowError) {
        if !expanded.isEmpty, let whole = expanded[column] {
            return try write(column, unsafe whole.span.bytes, of: tuple, to: &output)
        }
        guard let bytes = decoder.value(column, of: tuple) else { return }
        try write(column, bytes, of: tuple, to: &output)
    }

    @inline(__always)
    private func write(
        _ column: Int, _ bytes: RawSpan, of tuple: HeapTupleView, to output: inout ByteOutput
    ) throws(RowError) {
        do throws(ValueError) {
            try forms[column].write(bytes, to: &output)
        } catch {
            throw .value(error, column: schema.columns[column].name, tuple: tuple.number)
        }
    }

}

extension RawSpan {
    /// The little-endian integer at `offset`. The decoder has checked the datum's length.
    @inline(__always)
    func load<Value: FixedWidthInteger & BitwiseCopyable>(
        _ offset: Int, as _: Value.Type
    ) -> Value {
        Value(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}

extension Span where Element == UInt8 {
    /// The same bytes without a type. Any bytes may be read as bytes.
    @inline(__always)
    var raw: RawSpan {
        @_lifetime(copy self)
        get { unsafe bytes }
    }

    /// The bytes of `bytes` as elements.
    @inline(__always)
    @_lifetime(copy bytes)
    init(viewing bytes: RawSpan) {
        self = unsafe bytes._unsafeView(as: UInt8.self)
    }
}
