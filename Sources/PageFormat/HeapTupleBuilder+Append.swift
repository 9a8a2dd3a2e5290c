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

    /// Appends an integer of the attribute's size; else placing the tuple throws. Append dates,
    /// timestamps and other fixed-length values as the integers they are stored as.
    @inlinable @inline(__always)
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

    /// Appends a fixed-length value as its stored bytes. If there are not as many as the attribute
    /// has, placing the tuple throws.
    @inlinable
    public mutating func appendFixed(_ bytes: RawSpan) {
        guard let target = claimFixed(bytes.byteCount) else { return }
        copy(bytes, to: target)
    }

    /// Appends a variable-length value, given without its length. If the attribute has a fixed
    /// length, placing the tuple throws.
    @inlinable
    public mutating func appendVariable(_ payload: RawSpan) {
        guard count < layout.count else {
            count &+= 1
            return
        }
        let attribute = layout[count]
        guard attribute.isVariable else { return noteMisfit(byteCount: payload.byteCount) }
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
    /// Takes room for the next value of a fixed length. Returns nil if there is no room or no such
    /// attribute; placing the tuple reports that.
    @inlinable @inline(__always)
    mutating func claimFixed(_ length: Int) -> Int? {
        guard count < layout.count else {
            count &+= 1
            return nil
        }
        let attribute = layout[count]
        guard Int(attribute.length) == length else {
            noteMisfit(byteCount: length)
            return nil
        }
        return claim(length, alignment: attribute.alignment)
    }

    /// Takes `length` bytes of aligned room for the next value, zeroes the padding, and returns the
    /// offset in the scratch. Returns nil if that is more data than is kept.
    @inlinable @inline(__always)
    mutating func claim(_ length: Int, alignment: Int) -> Int? {
        let start = PageLayout.align(dataLength, to: alignment)
        let end = start &+ length
        if content.contains(.hasNulls) {
            markPresent()
        }
        count &+= 1
        guard end <= dataCapacity || grow(to: end) else {
            dataLength = end
            return nil
        }
        for padding in dataLength..<start {
            unsafe scratch[Self.dataStart &+ padding] = 0
        }
        dataLength = end
        return Self.dataStart &+ start
    }

    /// Copies `bytes` to an offset of the scratch where room was taken.
    @inlinable
    func copy(_ bytes: RawSpan, to offset: Int) {
        precondition(offset >= 0 && bytes.byteCount <= Self.dataStart + dataCapacity &- offset)
        unsafe bytes.withUnsafeBytes { source in
            guard let origin = source.baseAddress, let target = unsafe scratch.baseAddress else {
                return
            }
            unsafe (target + offset).copyMemory(from: origin, byteCount: source.count)
        }
    }

    /// Sets the next attribute's bit in the null bitmap: the attribute has a value.
    @inlinable
    mutating func markPresent() {
        // Read and written separately: with the thread sanitizer, Swift 6.3.1 cannot compile `|=`
        // here.
        let position = bitmapStart &+ count >> 3
        let bits = unsafe scratch[position]
        unsafe scratch[position] = bits | 1 << UInt8(truncatingIfNeeded: count & 7)
    }

    /// Begins the null bitmap, with all attributes before the next one marked as present.
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
