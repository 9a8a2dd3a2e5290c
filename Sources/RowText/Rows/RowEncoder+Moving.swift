internal import PageFormat
package import ToastFormat

/// Values that were left out of a row, because it would not fit a page with them. Store each, give
/// its pointer, and then ``finishMoved()``: only then is the row in the builder.
extension RowEncoder {
    /// How many values of the row that was encoded last are to be stored elsewhere.
    package var movedCount: Int { shrinker.movedCount }

    /// The size of a value that was left out, whether or not it is compressed.
    package func size(ofMoved index: Int) -> Int { shrinker.size(ofMoved: index) }

    /// Calls `body` with the bytes to store of a value that was left out: the value, or a word and
    /// its compressed bytes, which are fewer.
    package func withMoved<Result, Failure>(
        _ index: Int, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try shrinker.withMoved(index, body)
    }

    /// Takes the pointer to a value that was stored.
    package mutating func place(_ pointer: ExternalPointer, forMoved index: Int) {
        shrinker.place(pointer, index)
    }

    /// Forms the row in the builder.
    package mutating func finishMoved() {
        shrinker.form(in: &builder)
        shrinker.release()
    }

    /// Exchanges the builder for one that holds rows of any size, and back.
    mutating func exchangeBuilders(reserving size: Int = 0) {
        shrinker.wide.reserve(size)
        swap(&shrinker.wide, &builder)
    }

    /// Makes the row that was encoded last fit a page. Returns false if it does not.
    mutating func shrink() -> Bool {
        guard shrinker.decide() else {
            shrinker.release()
            return false
        }
        if shrinker.movedCount == 0 { finishMoved() }
        return true
    }
}
