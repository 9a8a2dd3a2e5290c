package import PageFormat
package import RowSchema
package import ToastFormat

/// Decodes the rows of pages as a scan does, and looks for impossible contents. Used by one thread;
/// allocates nothing for valid rows whose values are all in them.
package struct RowCheck {
    private let columns: [Column]
    private var decoder: HeapTupleDecoder
    /// Finds values that are out of line; nil if none may be.
    private var values: (any ExternalValues)?

    /// - Parameters:
    ///   - schema: the rows' columns.
    ///   - values: finds what is out of line, to be checked too; nil if nothing may be.
    package init(_ schema: Schema, values: (any ExternalValues)? = nil) {
        columns = schema.columns
        decoder = HeapTupleDecoder(layout: schema.layout)
        self.values = values
    }

    /// The first fault on a page whose checksum and header are right; nil if there is none.
    package mutating func fault(on page: PageView) -> String? {
        if let fault = HeapPageCheck.linePointerFault(in: page) { return fault.description }
        for number in page.linePointerNumbers {
            do throws(PageFormatError) {
                guard let tuple = try page.tuple(number) else { continue }
                if let fault = tuple.headerFault(
                    attributes: columns.count, allowsExternal: values != nil)
                {
                    throw fault
                }
                if let fault = try fault(in: tuple) { return fault }
            } catch {
                return error.description
            }
        }
        return nil
    }

    private mutating func fault(in tuple: HeapTupleView) throws(PageFormatError) -> String? {
        do throws(PageFormatError) {
            try decoder.decode(tuple)
        } catch {
            guard error.isStoredForm else { throw error }
            try decoder.decodeStored(tuple)
        }
        for index in columns.indices {
            guard let reason = valueFault(index, in: tuple) else { continue }
            return "tuple \(tuple.number), column \"\(columns[index].name)\": \(reason)"
        }
        return nil
    }

    /// Checks a value of the last decoded tuple.
    private mutating func valueFault(_ index: Int, in tuple: HeapTupleView) -> String? {
        let type = columns[index].type
        guard let bytes = decoder.value(index, of: tuple) else {
            return columns[index].isNullable ? nil : "it is NULL, which the column does not allow"
        }
        let form = decoder.form(index)
        if form == .plain {
            return type.fault(in: bytes).map { "the \(type) is damaged: \($0)" }
        }
        var source: any ExternalValues = values ?? NoExternalValues()
        defer { if values != nil { values = source } }
        do throws(ValueLoss) {
            let whole = try source.expand(bytes, form)
            return type.fault(in: unsafe whole.span.bytes).map { "the \(type) is damaged: \($0)" }
        } catch {
            return error.reason
        }
    }
}
