extension HeapTupleDecoder {
    /// Finds the values of `tuple` in the forms in which it holds them, compressed values and
    /// pointers among them. ``value(_:of:)`` then returns their bytes without length and tag, and
    /// ``form(_:)`` says what they are.
    ///
    /// Throws `.badAttribute` as ``decode(_:)`` does, but not for compressed values and pointers to
    /// values on disk. O(attributes).
    public mutating func decodeStored(_ tuple: HeapTupleView) throws(PageFormatError) {
        forms = Array(repeating: .plain, count: layout.count)
        hasForms = true
        var offset = tuple.dataOffset
        for index in layout.indices {
            if tuple.isNull(index) {
                slots[index] = .null
                continue
            }
            do throws(PageFormatError.AttributeFault) {
                let (slot, form) = try Self.locateStored(
                    layout[index], from: offset, in: tuple.bytes)
                slots[index] = slot
                forms[index] = form
                offset = Int(slot.start) &+ Int(slot.count)
            } catch {
                for index in slots.indices { slots[index] = .null }
                throw .badAttribute(tuple.number, attribute: index, error)
            }
        }
    }

    /// The form of an attribute of the last decoded tuple.
    public func form(_ attribute: Int) -> StoredForm {
        forms.indices.contains(attribute) ? forms[attribute] : .plain
    }

    @usableFromInline @inline(never)
    mutating func forgetForms() {
        forms = []
        hasForms = false
    }

    private static func locateStored(
        _ attribute: AttributeLayout, from offset: Int, in bytes: RawSpan
    ) throws(PageFormatError.AttributeFault) -> (Slot, StoredForm) {
        do throws(PageFormatError.AttributeFault) {
            return (try locate(attribute, from: offset, in: bytes), .plain)
        } catch {
            let limit = bytes.byteCount
            switch error {
            case .external(tag: StoredForm.onDiskTag):
                // The length and the tag lie within the tuple, as was checked.
                let start = (bytes.uint8(at: offset) == 1 ? offset : aligned(offset, attribute)) + 2
                guard StoredForm.pointerSize <= limit &- start else {
                    throw .pastEnd(
                        offset: start, length: StoredForm.pointerSize, tupleLength: limit)
                }
                return (Slot(start: start, count: StoredForm.pointerSize), .external)
            case .compressed:
                // The length word lies within the tuple, as was checked.
                let start = bytes.uint8(at: offset) == 0 ? aligned(offset, attribute) : offset
                let total = Int(bytes.uint32(at: start) >> 2)
                guard total >= 4 + StoredForm.wordSize else { throw .badLength(total) }
                guard total <= limit &- start else {
                    throw .pastEnd(offset: start, length: total, tupleLength: limit)
                }
                return (Slot(start: start &+ 4, count: total &- 4), .compressed)
            default: throw error
            }
        }
    }

    private static func aligned(_ offset: Int, _ attribute: AttributeLayout) -> Int {
        PageLayout.align(offset, to: attribute.alignment)
    }
}

extension PageFormatError {
    /// Whether the error only says that a value is compressed or out of line, which
    /// ``HeapTupleDecoder/decodeStored(_:)`` can follow.
    public var isStoredForm: Bool {
        switch self {
        case .badAttribute(_, attribute: _, .compressed),
            .badAttribute(_, attribute: _, .external(tag: StoredForm.onDiskTag)):
            true
        default: false
        }
    }
}
