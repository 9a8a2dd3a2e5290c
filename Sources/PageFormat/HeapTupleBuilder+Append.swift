extension HeapTupleBuilder {
    /// Appends a null.
    @inlinable
    public mutating func appendNull() {
        guard count < layout.count else {
            count &+= 1
            return
        }
        if !content.contains(.hasNulls) {
            startBitmap()
        }
        count &+= 1
    }

    /// Appends an integer, which must have the size of the attribute. A date, timestamp and
    /// other fixed-length value is appended as the integer it is stored as.
    @inlinable
    public mutating func append<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        guard let target = claimFixed(MemoryLayout<Value>.size) else { return }
        unsafe scratch.storeBytes(
            of: value.littleEndian, toByteOffset: target, as: Value.self)
    }

    /// Appends a boolean.
    @inlinable
    public mutating func append(_ value: Bool) {
        append(value ? 1 as UInt8 : 0)
    }

    /// Appends a `real`.
    @inlinable
    public mutating func append(_ value: Float) {
        append(value.bitPattern)
    }

    /// Appends a `double precision`.
    @inlinable
    public mutating func append(_ value: Double) {
        append(value.bitPattern)
    }

    /// Appends a fixed-length value as the bytes it is stored as; there must be as many as the
    /// attribute has.
    @inlinable
    public mutating func appendFixed(_ bytes: RawSpan) {
        guard let target = claimFixed(bytes.byteCount) else { return }
        copy(bytes, to: target)
    }

    /// Appends a variable-length value, given without its length.
    @inlinable
    public mutating func appendVariable(_ payload: RawSpan) {
        guard count < layout.count else {
            count &+= 1
            return
        }
        let attribute = layout[count]
        precondition(attribute.isVariable, "The attribute has a fixed length.")
        content.insert(.hasVariableWidth)
        let length = payload.byteCount
        if length <= AttributeLayout.longestShortPayload {
            guard let target = claim(length &+ 1, alignment: 1) else { return }
            unsafe scratch.storeBytes(
                of: UInt8(truncatingIfNeeded: (length &+ 1) &<< 1 | 1),
                toByteOffset: target, as: UInt8.self)
            copy(payload, to: target &+ 1)
        } else {
            guard let target = claim(length &+ 4, alignment: attribute.alignment) else { return }
            unsafe scratch.storeBytes(
                of: UInt32(truncatingIfNeeded: (length &+ 4) &<< 2).littleEndian,
                toByteOffset: target, as: UInt32.self)
            copy(payload, to: target &+ 4)
        }
    }
}

extension HeapTupleBuilder {
    /// Takes room for the next value of a fixed length; nil when there is none, or no such
    /// attribute, which is found out at the end.
    @inlinable
    mutating func claimFixed(_ length: Int) -> Int? {
        guard count < layout.count else {
            count &+= 1
            return nil
        }
        let attribute = layout[count]
        precondition(
            Int(attribute.length) == length, "The value's size is not the attribute's.")
        return claim(length, alignment: attribute.alignment)
    }

    /// Takes `length` bytes of aligned room for the next value, zeroing what it skips, and
    /// returns their place in the scratch. Nil when they cannot fit on any page.
    @inlinable
    mutating func claim(_ length: Int, alignment: Int) -> Int? {
        let start = PageLayout.align(dataLength, to: alignment)
        let end = start &+ length
        if content.contains(.hasNulls) {
            markPresent()
        }
        count &+= 1
        guard end <= Self.dataLimit else {
            dataLength = end
            return nil
        }
        for padding in dataLength..<start {
            unsafe scratch[Self.dataStart &+ padding] = 0
        }
        dataLength = end
        return Self.dataStart &+ start
    }

    /// Copies `bytes` to an offset of the scratch where room was taken for them.
    @inlinable
    func copy(_ bytes: RawSpan, to offset: Int) {
        precondition(offset >= 0 && bytes.byteCount <= Self.dataStart + Self.dataLimit &- offset)
        unsafe bytes.withUnsafeBytes { source in
            guard let origin = source.baseAddress, let target = unsafe scratch.baseAddress else {
                return
            }
            unsafe (target + offset).copyMemory(from: origin, byteCount: source.count)
        }
    }

    /// Sets the next attribute's bit in the null bitmap: it has a value.
    @inlinable
    mutating func markPresent() {
        // Read and written apart: with the thread sanitizer, Swift 6.3.1 cannot compile `|=` here.
        let position = bitmapStart &+ count >> 3
        let bits = unsafe scratch[position]
        unsafe scratch[position] = bits | 1 << UInt8(truncatingIfNeeded: count & 7)
    }

    /// Begins the null bitmap, in which all attributes before the next one have values.
    @usableFromInline
    mutating func startBitmap() {
        content.insert(.hasNulls)
        // From behind the fixed header to the data, so that padding is zero too.
        for index in bitmapStart..<Self.dataStart {
            unsafe scratch[index] = 0
        }
        let next = count
        for index in 0..<next {
            count = index
            markPresent()
        }
        count = next
    }
}
