/// The type of an array's elements: any ``ColumnType`` that is no array.
public struct ArrayElement: Sendable, Hashable {
    /// Its position in ``ColumnType/scalars``.
    private let position: UInt8

    /// Makes the element of a type; nil if that is an array.
    public init?(_ type: ColumnType) {
        guard let position = ColumnType.scalars.firstIndex(of: type) else { return nil }
        self.position = UInt8(truncatingIfNeeded: position)
    }

    /// The type.
    public var type: ColumnType { ColumnType.scalars[Int(position)] }

    /// The object id of the type's array type in every PostgreSQL cluster (`pg_type.typarray`).
    var arrayIdentifier: UInt32 {
        switch type {
        case .boolean: 1000
        case .bytea: 1001
        case .bigint: 1016
        case .smallint: 1005
        case .integer: 1007
        case .text: 1009
        case .json: 199
        case .real: 1021
        case .doublePrecision: 1022
        case .char: 1014
        case .varchar: 1015
        case .date: 1182
        case .time: 1183
        case .timestamp: 1115
        case .timestampTZ: 1185
        case .interval: 1187
        case .numeric: 1231
        case .uuid: 2951
        case .jsonb: 3807
        case .array: 0  // No element is an array.
        }
    }
}

extension ColumnType {
    /// All types but arrays.
    public static let scalars: [ColumnType] = [
        .boolean, .smallint, .integer, .bigint, .real, .doublePrecision, .text, .date, .timestamp,
        .uuid, .bytea, .numeric, .time, .timestampTZ, .interval, .varchar, .char, .json, .jsonb,
    ]

    /// All types: those that are no arrays, then the array of each.
    public static let allCases: [ColumnType] = scalars + scalars.map(\.array)

    /// The array of the type; the type itself if it is one, since PostgreSQL does not tell arrays
    /// of several dimensions apart.
    public var array: ColumnType {
        guard let element = ArrayElement(self) else { return self }
        return .array(of: element)
    }

    /// The type of an array's elements; nil if the type is no array.
    public var element: ColumnType? {
        if case .array(let element) = self { element.type } else { nil }
    }

    /// What is wrong with the bytes of an array.
    @usableFromInline
    static func arrayFault(_ bytes: RawSpan, _ element: ColumnType) -> String? {
        do throws(ArrayShape.Fault) {
            let shape = try ArrayShape(bytes)
            guard shape.elementType == element.objectIdentifier else {
                return "its elements are of the type number \(shape.elementType), not \(element)"
            }
            if let fault = shape.boundsFault { return fault }
            var offset = shape.elements
            for index in 0..<shape.elementCount {
                guard let range = try shape.element(index, of: element, from: &offset, in: bytes)
                else { continue }
                if let fault = element.fault(in: bytes.extracting(range)) {
                    return "element \(index + 1): \(fault)"
                }
            }
            // The last element is padded as if another one followed.
            return bytes.byteCount - offset < max(4, element.alignment)
                ? nil : "bytes follow its last element"
        } catch {
            return error.reason
        }
    }
}
