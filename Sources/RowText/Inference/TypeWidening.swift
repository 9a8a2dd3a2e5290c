public import RowSchema

/// Wider types for columns whose inferred type does not keep a value that came after the sample.
public enum TypeWidening {
    /// The narrowest type for each of the columns that do not keep their field of the reader's
    /// current record. The others stay as they are, as do columns whose type was given.
    ///
    /// The new types keep the fields of this record. Whether they keep all earlier values is
    /// certain, except for those of a `double precision` that becomes `numeric`.
    ///
    /// - Returns: nil if every column keeps its field.
    public static func schema(
        from schema: Schema, keepingRecordOf reader: inout CSVReader
    ) throws(SchemaError) -> Schema? {
        var columns = schema.columns
        for index in columns.indices.prefix(reader.fieldCount) where !reader.isNull(index) {
            let form = FieldForm(columns[index])
            if !form.isExact || form.keeps(reader.bytes(index)) { continue }
            let wider = Self.wider(than: form.type).first {
                FieldForm($0).keeps(reader.bytes(index))
            }
            columns[index] = columns[index].inferred(as: wider ?? .text)
        }
        return columns == schema.columns ? nil : try Schema(columns)
    }

    /// The schema in which one column is `text`, which keeps everything.
    public static func schema(
        from schema: Schema, withText column: Int
    ) throws(SchemaError) -> Schema {
        var columns = schema.columns
        columns[column] = columns[column].inferred(as: .text)
        return try Schema(columns)
    }

    /// The types that keep what a type keeps, or most of it, without the last one, text.
    private static func wider(than type: ColumnType) -> [ColumnType] {
        switch type {
        // All integers are short enough to stay as they are in a `double precision`; only few of
        // type bigint are.
        case .integer: [.bigint, .doublePrecision, .numeric]
        case .bigint, .doublePrecision: [.numeric]
        default: []
        }
    }
}

extension Column {
    /// The same column with an inferred type.
    fileprivate func inferred(as type: ColumnType) -> Column {
        Column(name: name, type: type, isNullable: isNullable, spelling: .standard)
    }
}
