internal import AsyncIO
internal import PostgresReading
internal import PostgresTypes

/// The requested columns of a catalog's row, numbered in the order of the request. A column that
/// the server's version lacks is null, and so is a value that does not fit. Damaged rows yield
/// nothing and never trap.
struct CatalogRow: ~Escapable {
    private let data: RawSpan
    /// The slots of the requested columns.
    private let slots: [TupleFields.Slot]
    private let layouts: [ValueLayout]
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

    @_lifetime(copy data)
    init(
        _ data: RawSpan, _ slots: [TupleFields.Slot], _ layouts: [ValueLayout], hasDeleter: Bool,
        version: Version
    ) {
        self.data = data
        self.slots = slots
        self.layouts = layouts
        self.hasDeleter = hasDeleter
        self.version = version
    }

    private func extent(_ column: Int) -> Range<Int>? {
        guard case .stored(let extent) = slots[column] else { return nil }
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

    /// A value of varying length, uncompressed, without its length word; nil if null.
    func bytes(_ column: Int, _ toast: inout ToastReader) -> [UInt8]? {
        guard let extent = extent(column), layouts[column].isVarlena,
            let form = try? Varlena.form(of: data, extent)
        else { return nil }
        switch form {
        case .plain(let range): return (try? data.part(range.lowerBound, range.count))?.copied
        case .compressed(let range, let compression):
            guard let part = try? data.part(range.lowerBound, range.count) else { return nil }
            return try? compression.decompress(part)
        case .external(let pointer): return try? toast.value(pointer)
        }
    }

    /// The elements of a one-dimensional vector or array of two- or four-byte integers.
    func integers(_ column: Int, _ toast: inout ToastReader) -> [Int] {
        guard let bytes = bytes(column, &toast) else { return [] }
        let span = unsafe bytes.span.bytes
        guard let count = try? Int(span.load(12, as: Int32.self)),
            let type = try? span.load(8, as: UInt32.self), count > 0, count <= bytes.count
        else { return [] }
        var result: [Int] = []
        for index in 0..<count {
            if type == 21 {
                guard let value = try? span.load(20 + 2 * index, as: Int16.self) else { break }
                result.append(Int(value))
            } else {
                guard let value = try? span.load(20 + 4 * index, as: UInt32.self) else { break }
                result.append(Int(value))
            }
        }
        return result
    }
}
