// Rows with values that are compressed or stored out of line. None of this is on the way of a row
// that fits a page as it is.

extension HeapTupleBuilder {
    /// Appends a value of varying length in one of its stored forms, as
    /// ``HeapTupleDecoder/value(_:of:)`` returns it after ``HeapTupleDecoder/decodeStored(_:)``.
    ///
    /// - Parameters:
    ///   - bytes: a plain value; or the word and the bytes of a compressed one; or a pointer of
    ///     ``StoredForm/pointerSize`` bytes.
    ///   - form: which of these. If the bytes cannot be of that form, or the attribute has a fixed
    ///     length, placing the tuple throws.
    public mutating func append(_ bytes: RawSpan, storedAs form: StoredForm) {
        if form == .plain { return appendVariable(bytes) }
        guard count < layout.count else {
            count &+= 1
            return
        }
        guard layout[count].isVariable else { return noteMisfit(byteCount: bytes.byteCount) }
        content.insert(.hasVariableWidth)
        let length = bytes.byteCount
        if form == .compressed {
            guard length >= StoredForm.wordSize else { return noteMisfit(byteCount: length) }
            let alignment = layout[count].alignment
            guard let target = claim(length &+ 4, alignment: alignment) else { return }
            unsafe scratch.storeBytes(
                of: (UInt32(truncatingIfNeeded: length &+ 4) &<< 2 | 2).littleEndian,
                toByteOffset: target, as: UInt32.self)
            copy(bytes, to: target &+ 4)
        } else {
            guard length == StoredForm.pointerSize else { return noteMisfit(byteCount: length) }
            content.insert(.hasExternal)
            guard let target = claim(length &+ 2, alignment: 1) else { return }
            unsafe scratch.storeBytes(of: 1, toByteOffset: target, as: UInt8.self)
            unsafe scratch.storeBytes(
                of: StoredForm.onDiskTag, toByteOffset: target &+ 1, as: UInt8.self)
            copy(bytes, to: target &+ 2)
        }
    }

    /// Makes room for that much data, so that it need not be copied as it grows. Does nothing
    /// beyond the limit.
    public mutating func reserve(_ dataLength: Int) {
        if dataLength > dataCapacity { _ = grow(to: dataLength) }
    }

    /// Gives memory back that only the largest tuples need. Forgets the tuple.
    public mutating func releaseMemory() {
        begin()
        let least = min(dataLimit, PageLayout.maximumTupleSize)
        if dataCapacity <= 16 * least { return }
        unsafe scratch.deallocate()
        dataCapacity = least
        unsafe scratch = Self.memory(least)
    }

    /// Returns false if that is more data than is kept.
    @usableFromInline @inline(never)
    mutating func grow(to length: Int) -> Bool {
        guard length <= dataLimit else { return false }
        let larger = max(length, min(dataLimit, dataCapacity + dataCapacity / 2))
        let memory = unsafe Self.memory(larger)
        // Header, bitmap and data so far; both blocks of memory are at least that long.
        unsafe memory.copyMemory(
            from: UnsafeRawBufferPointer(
                rebasing: scratch[..<(Self.dataStart + min(dataLength, dataCapacity))]))
        unsafe scratch.deallocate()
        unsafe scratch = unsafe memory
        dataCapacity = larger
        return true
    }

    /// The bytes of the tuple before its data.
    public var headerSize: Int { byteCount - dataLength }

    /// Whether all values of the tuple were appended and kept.
    public var isKept: Bool { count == layout.count && dataLength <= dataCapacity }

    /// A value of the tuple as it was appended.
    public struct Built: Sendable {
        /// Whether it is null.
        public let isNull: Bool
        /// Its form; ``StoredForm/plain`` for values of a fixed length.
        public let form: StoredForm
        /// Where its bytes begin in the data.
        @usableFromInline let start: Int
        /// How many bytes it has, without length or tag.
        public let byteCount: Int
    }

    /// The values of the tuple, all of which were kept, in order. O(attributes).
    public var built: [Built] {
        guard isKept else { fatalError("only a tuple that was kept can be taken apart") }
        var offset = 0
        return layout.indices.map { index in
            let built = self.built(index, from: offset)
            offset = built.isNull ? offset : built.start + built.byteCount
            return built
        }
    }

    /// Finds a value that begins at `offset` or at the next aligned offset.
    private func built(_ index: Int, from offset: Int) -> Built {
        let attribute = layout[index]
        if content.contains(.hasNulls),
            unsafe scratch[bitmapStart + index >> 3] & 1 << UInt8(index & 7) == 0
        {
            return Built(isNull: true, form: .plain, start: offset, byteCount: 0)
        }
        if let length = attribute.fixedByteCount {
            let start = PageLayout.align(offset, to: attribute.alignment)
            return Built(isNull: false, form: .plain, start: start, byteCount: length)
        }
        // Padding is zero, and no length begins with a zero byte.
        let first = unsafe scratch[Self.dataStart + offset]
        if first == 1 {
            return Built(
                isNull: false, form: .external, start: offset + 2,
                byteCount: StoredForm.pointerSize)
        }
        if first & 1 == 1 {
            return Built(
                isNull: false, form: .plain, start: offset + 1, byteCount: Int(first >> 1) - 1)
        }
        let start = PageLayout.align(offset, to: attribute.alignment)
        let word = UInt32(
            littleEndian: unsafe scratch.loadUnaligned(
                fromByteOffset: Self.dataStart + start, as: UInt32.self))
        return Built(
            isNull: false, form: word & 2 == 0 ? .plain : .compressed, start: start + 4,
            byteCount: Int(word >> 2) - 4)
    }

    /// The bytes of a value of the tuple, without length or tag. Valid until the builder changes.
    @_lifetime(borrow self)
    public func bytes(of value: Built) -> RawSpan {
        precondition(value.start >= 0 && value.start + value.byteCount <= dataLength)
        // Within the scratch, as just checked, which lives as long as the builder does not change.
        let bytes = unsafe RawSpan(
            _unsafeBytes: UnsafeRawBufferPointer(
                rebasing: scratch[
                    (Self.dataStart + value.start)..<(Self.dataStart + value.start
                        + value.byteCount)]))
        return unsafe _overrideLifetime(bytes, borrowing: self)
    }
}
