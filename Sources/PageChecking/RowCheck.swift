package import PageFormat
package import RowSchema

/// Decodes the rows of pages as a scan does, and looks for impossible contents. Used by one thread;
/// allocates nothing for valid rows.
package struct RowCheck {
    private let columns: [Column]
    private var decoder: HeapTupleDecoder

    package init(_ schema: Schema) {
        columns = schema.columns
        decoder = HeapTupleDecoder(layout: schema.layout)
    }

    /// The first fault on a page whose checksum and header are right; nil if there is none.
    package mutating func fault(on page: PageView) -> String? {
        if let fault = HeapPageCheck.linePointerFault(in: page) { return fault.description }
        for number in page.linePointerNumbers {
            do throws(PageFormatError) {
                guard let tuple = try page.tuple(number) else { continue }
                if let fault = tuple.headerFault(attributes: columns.count) { throw fault }
                try decoder.decode(tuple)
                if let fault = valueFault(in: tuple) { return fault }
            } catch {
                return error.description
            }
        }
        return nil
    }

    /// Checks the values of the last decoded tuple.
    private func valueFault(in tuple: HeapTupleView) -> String? {
        for index in columns.indices {
            guard let bytes = decoder.value(index, of: tuple) else {
                if columns[index].isNullable { continue }
                return "tuple \(tuple.number), column \"\(columns[index].name)\": it is NULL, which"
                    + " the column does not allow"
            }
            if let fault = columns[index].type.fault(in: bytes) {
                return "tuple \(tuple.number), column \"\(columns[index].name)\": the"
                    + " \(columns[index].type) is damaged: \(fault)"
            }
        }
        return nil
    }
}
