public import PageFormat

extension ColumnType {
    /// The layout of a value of the type in a heap tuple.
    public var layout: AttributeLayout {
        switch self {
        case .boolean: .boolean
        case .smallint: .int16
        case .integer, .date: .int32
        case .bigint, .time, .timestamp, .timestampTZ: .int64
        case .real: .float32
        case .doublePrecision: .float64
        case .uuid: .uuid
        case .interval: .fixed(16, alignment: .eight)
        case .text, .bytea, .numeric, .varchar, .char, .json, .jsonb: .variable()
        case .array(let element):
            .variable(alignment: element.type.alignment == 8 ? .eight : .four)
        }
    }
}

extension Schema {
    /// The layout of a row in a heap tuple: one attribute for each column, in order.
    public var layout: [AttributeLayout] { columns.map(\.type.layout) }
}
