package import ToastFormat

/// Values out of line in a store that is being appended to. One that is missing is looked for once
/// more, since its row may have come after the values were looked at.
package struct RetriedValues: ExternalValues {
    private let makeValues: () -> ToastValues<StoredToastPages>
    private var values: ToastValues<StoredToastPages>

    /// - Parameter makeValues: makes a reader of the values that there are by then.
    package init(_ makeValues: @escaping () -> ToastValues<StoredToastPages>) {
        self.makeValues = makeValues
        values = makeValues()
    }

    package mutating func read(_ pointer: ExternalPointer) throws(ValueLoss) -> [UInt8] {
        do throws(ValueLoss) { return try values.read(pointer) } catch {
            values = makeValues()
            return try values.read(pointer)
        }
    }
}
