package import PageFormat

/// Reads values that are stored out of line.
package protocol ExternalValues {
    /// The bytes stored in the chunks of a value, in order.
    ///
    /// - Throws: ``ValueLoss`` if they are not all there.
    mutating func read(_ pointer: ExternalPointer) throws(ValueLoss) -> [UInt8]
}

/// Why a value that is compressed or stored out of line cannot be read.
package struct ValueLoss: Error, Hashable, Sendable {
    /// What is wrong, in words that do not name the row.
    package let reason: String

    package init(_ reason: String) { self.reason = reason }
}

extension ExternalValues {
    /// The value of which a tuple holds `bytes` in a form that is not plain.
    package mutating func expand(
        _ bytes: RawSpan, _ form: StoredForm
    ) throws(ValueLoss) -> [UInt8] {
        let pointer: ExternalPointer
        do throws(CompressionFault) {
            if form == .compressed { return try PGLZ.expand(bytes) }
            pointer = try ExternalPointer(bytes)
        } catch {
            throw ValueLoss(error.reason)
        }
        let stored = try read(pointer)
        if !pointer.isCompressed { return stored }
        do throws(CompressionFault) {
            return try PGLZ.expand(unsafe stored.span.bytes, rawSize: pointer.size)
        } catch {
            throw ValueLoss("value \(pointer.value) is damaged: \(error.reason)")
        }
    }
}

/// The values of a relation without a toast relation: none.
package struct NoExternalValues: ExternalValues {
    package init() {}

    package mutating func read(_ pointer: ExternalPointer) throws(ValueLoss) -> [UInt8] {
        throw ValueLoss(
            "value \(pointer.value) is out of line, and the relation has no toast relation")
    }
}
