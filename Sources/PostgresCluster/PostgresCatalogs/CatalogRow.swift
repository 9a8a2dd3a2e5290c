internal import AsyncIO
internal import PostgresReading
internal import PostgresTypes

/// The requested columns of a catalog's row, numbered in the order of the request. A column that
/// the server's version lacks is null. A value that cannot be decoded is null too, and noted as a
/// fault of the row.
struct CatalogRow: ~Escapable {
    private let data: RawSpan
    /// The slots of all columns, and the positions of the requested ones among them.
    private let fields: TupleFields
    private let positions: [Int?]
    private let layouts: [ValueLayout]
    private let pass: CatalogPass
    /// Whether a transaction has deleted or replaced the row, though it is not known to have
    /// committed.
    let hasDeleter: Bool
    /// The row version's transactions, and whether a new transaction sees it.
    let version: Version

    /// Which version of a row it is.
    struct Version {
        let xmin: UInt32
        let xmax: UInt32
        let isVisible: Bool
    }

    /// The requested columns: their positions, nil for those that the version lacks, and layouts.
    struct Columns {
        let positions: [Int?]
        let layouts: [ValueLayout]
    }

    @_lifetime(copy data)
    init(
        _ data: RawSpan, _ fields: TupleFields, _ columns: Columns, _ pass: CatalogPass,
        hasDeleter: Bool, version: Version
    ) {
        self.data = data
        self.fields = fields
        positions = columns.positions
        layouts = columns.layouts
        self.pass = pass
        self.hasDeleter = hasDeleter
        self.version = version
    }

    private func extent(_ column: Int) -> Range<Int>? {
        guard let position = positions[column], case .stored(let extent) = fields.slot(position)
        else { return nil }
        return extent
    }

    private func load<Value: FixedWidthInteger & BitwiseCopyable>(
        _ column: Int, as type: Value.Type
    ) -> Value? {
        guard let extent = extent(column), extent.count == MemoryLayout<Value>.size else {
            return nil
        }
        return try? data.load(extent.lowerBound, as: type)
    }

    /// An object's number; zero if null.
    func number(_ column: Int) -> UInt32 { load(column, as: UInt32.self) ?? 0 }
    /// An integer of two or four bytes.
    func integer(_ column: Int) -> Int? {
        if let value = load(column, as: Int32.self) { return Int(value) }
        return load(column, as: Int16.self).map { Int($0) }
    }
    /// A bigint.
    func long(_ column: Int) -> Int64? { load(column, as: Int64.self) }
    /// A real.
    func real(_ column: Int) -> Float? {
        load(column, as: UInt32.self).map { Float(bitPattern: $0) }
    }
    /// A boolean; false if null.
    func flag(_ column: Int) -> Bool { (load(column, as: UInt8.self) ?? 0) != 0 }
    /// A `"char"`; zero if null.
    func letter(_ column: Int) -> UInt8 { load(column, as: UInt8.self) ?? 0 }

    /// A name, in the database's encoding.
    func name(_ column: Int) -> [UInt8] {
        guard let extent = extent(column),
            let value = try? data.part(extent.lowerBound, extent.count)
        else { return [] }
        return value.copiedName
    }

    /// Notes that the row cannot be what its catalog describes.
    func report(_ reason: String) { pass.report(reason, data) }

    /// A value of varying length, uncompressed, without its length word; nil if null.
    func bytes(_ column: Int, _ toast: inout ToastReader) -> [UInt8]? {
        guard let extent = extent(column), layouts[column].isVarlena else { return nil }
        do throws(ValueFault) {
            switch try Varlena.form(of: data, extent) {
            case .plain(let range): return try data.part(range.lowerBound, range.count).copied
            case .compressed(let range, let compression):
                return try compression.decompress(try data.part(range.lowerBound, range.count))
            case .external(let pointer): return external(pointer, &toast)
            }
        } catch {
            report(error.description)
            return nil
        }
    }

    private func external(_ pointer: ToastPointer, _ toast: inout ToastReader) -> [UInt8]? {
        do throws(StorageError) { return try toast.value(pointer) } catch {
            report(error.message)
            return nil
        }
    }

    /// A name, or a text, in the database's encoding; empty if null.
    func text(_ column: Int, _ toast: inout ToastReader) -> [UInt8] {
        layouts[column].isVarlena ? bytes(column, &toast) ?? [] : name(column)
    }

    /// The elements of a one-dimensional array of texts without nulls; none if null.
    func texts(_ column: Int, _ toast: inout ToastReader) -> [[UInt8]] {
        guard let bytes = bytes(column, &toast) else { return [] }
        do throws(ValueFault) { return try Self.texts(unsafe bytes.span.bytes) } catch {
            report(error.description)
            return []
        }
    }

    private static func texts(_ array: RawSpan) throws(ValueFault) -> [[UInt8]] {
        // An array without elements has no dimensions.
        if try array.load(0, as: Int32.self) == 0 { return [] }
        guard try array.load(0, as: Int32.self) == 1, try array.load(4, as: Int32.self) == 0 else {
            throw .malformed("an array has several dimensions, or nulls")
        }
        let count = Int(try array.load(12, as: Int32.self))
        let elements = try array.rest(20)
        var offset = 0
        var result: [[UInt8]] = []
        while result.count < count {
            let extent = try ValueLayout.varlena.extent(in: elements, from: offset)
            guard case .plain(let range) = try Varlena.form(of: elements, extent) else {
                throw .nestedPointer
            }
            result.append(try elements.part(range.lowerBound, range.count).copied)
            offset = extent.upperBound
        }
        return result
    }

    /// The elements of a one-dimensional vector or array of two- or four-byte integers.
    func integers(_ column: Int, _ toast: inout ToastReader) -> [Int] {
        guard let bytes = bytes(column, &toast) else { return [] }
        do throws(ValueFault) { return try Self.integers(unsafe bytes.span.bytes) } catch {
            report(error.description)
            return []
        }
    }

    private static func integers(_ array: RawSpan) throws(ValueFault) -> [Int] {
        // An array without elements has no dimensions.
        if try array.load(0, as: Int32.self) == 0 { return [] }
        let type = try array.load(8, as: UInt32.self)
        let count = Int(try array.load(12, as: Int32.self))
        let size = type == smallintType ? 2 : 4
        guard count >= 0, count <= array.byteCount / size else {
            throw .malformed("an array of \(count) elements does not fit its bytes")
        }
        var result: [Int] = []
        for index in 0..<count {
            result.append(
                size == 2
                    ? Int(try array.load(20 + 2 * index, as: Int16.self))
                    : Int(try array.load(20 + 4 * index, as: UInt32.self)))
        }
        return result
    }

    private static let smallintType: UInt32 = 21
}
