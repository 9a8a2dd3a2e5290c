public import PageFormat

extension ColumnType {
    /// How a value of the type lies in a heap tuple.
    public var layout: AttributeLayout {
        switch self {
        case .boolean: .boolean
        case .smallint: .int16
        case .integer, .date: .int32
        case .bigint, .timestamp: .int64
        case .real: .float32
        case .doublePrecision: .float64
        case .uuid: .uuid
        case .text, .bytea, .numeric: .variable()
        }
    }
}

extension Schema {
    /// How a row lies in a heap tuple: one attribute for each column, in their order.
    public var layout: [AttributeLayout] { columns.map(\.type.layout) }
}
