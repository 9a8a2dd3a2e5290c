internal import AsyncIO
package import PageFormat
internal import PostgresTypes

/// The texts of single tuples, for showing them. Values stored out of line are named, not followed.
/// Belongs to one thread.
package struct TupleTexts {
    private var making: RowMaking

    /// A column's value.
    package struct Value {
        package let name: String
        /// The text in UTF-8; nil for null or if there is a fault.
        package let text: [UInt8]?
        /// Why there is no text.
        package let fault: String?
    }

    /// Makes texts by columns given as text.
    package init(_ schema: RescueSchema) {
        making = RowMaking(schema.shape, ValueWriter(version: 18), .utf8)
    }

    /// Makes texts by the columns of a target; nil if it has no relation.
    package init?(_ target: RescueTarget) {
        guard let source = target.sources.first else { return nil }
        making = RowMaking(source.shape, source.writer, source.encoding)
    }

    /// The values of a tuple.
    package mutating func values(of tuple: HeapTupleView) -> [Value] {
        let fields = try? making.fields(of: tuple, isSure: false) { pointer throws(StorageError) in
            .incomplete(
                "stored out of line: value \(pointer.value) of relation \(pointer.relation),"
                    + " \(pointer.storedSize) bytes")
        }
        guard let fields else { return [] }
        return making.shape.columns.indices.map { index in
            Value(
                name: making.shape.columns[index].name, text: fields.texts[index],
                fault: fields.lost.first { $0.column == index }?.reason)
        }
    }
}
