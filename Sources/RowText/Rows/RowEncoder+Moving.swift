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

    /// Makes the row that was encoded last, and is larger than a page, fit one: encodes it once
    /// more with room for all of it, and compresses values or leaves them out. Returns false if it
    /// does not fit, or may not be changed.
    ///
    /// - Parameter encodeAgain: encodes the row. Called at most once.
    @inline(never)
    mutating func fit<Failure>(
        _ encodeAgain: (inout RowEncoder) throws(Failure) -> Void
    ) throws(Failure) -> Bool {
        guard movesValues else { return false }
        shrinker.wide.reserve(builder.byteCount)
        swap(&shrinker.wide, &builder)
        do throws(Failure) {
            try encodeAgain(&self)
        } catch {
            swap(&shrinker.wide, &builder)
            throw error
        }
        swap(&shrinker.wide, &builder)
        return shrink { $0.decide() }
    }

    /// Makes the row that was encoded last fit a page, like ``fit(_:)``, but does not copy its
    /// values, which lie in `bytes` as they are stored.
    @inline(never)
    mutating func fit(valuesIn bytes: [UInt8], _ ranges: [Range<Int>?]) -> Bool {
        let headerSize = builder.headerSize
        guard movesValues, builder.byteCount - headerSize <= ExternalPointer.largestValue else {
            return false
        }
        return shrink { $0.decide(on: bytes, ranges, headerSize: headerSize) }
    }

    /// Makes the row that was encoded last fit a page. Returns false if it does not.
    private mutating func shrink(_ decide: (inout RowShrinker) -> Bool) -> Bool {
        guard decide(&shrinker) else {
            shrinker.release()
            return false
        }
        if shrinker.movedCount == 0 { finishMoved() }
        return true
    }
}
