/// Looks for what cannot be so on a heap page, however right its checksum is: line pointers and
/// tuple headers. Values are taken apart by ``HeapTupleDecoder``.
///
/// Mirrors the checks of PostgreSQL's `verify_heapam` that need no transactions. Any bytes may be
/// given. Allocates nothing; time in proportion to the line pointers.
public enum HeapPageCheck {
    /// The first fault of the line pointers, in the order of their numbers; nil for none.
    ///
    /// Items in state normal lie aligned between the header's `upper` and `special`, and none of
    /// them on another. A redirect names one in state normal.
    public static func linePointerFault(in page: PageView) -> PageFormatError? {
        // Tuples are put on a page from its end to its beginning, so as a rule each lies before the
        // one before it.
        var lowest = PageLayout.size
        var isInOrder = true
        for number in page.linePointerNumbers {
            guard let pointer = page.linePointer(number) else { continue }
            switch pointer.state {
            case .unused: break
            case .redirect:
                guard let target = page.linePointer(OffsetNumber(pointer.offset)),
                    target.state == .normal
                else { return .badLinePointer(number, .badRedirect(to: pointer.offset)) }
            case .dead:
                if pointer.length == 0 { continue }
                fallthrough
            case .normal:
                let offset = pointer.offset
                if let fault = placeFault(pointer, on: page) {
                    return .badLinePointer(number, fault)
                }
                if offset + PageLayout.align(pointer.length) > lowest { isInOrder = false }
                lowest = min(lowest, offset)
            }
        }
        return isInOrder ? nil : overlap(on: page)
    }

    private static func placeFault(_ pointer: LinePointer, on page: PageView)
        -> PageFormatError.LinePointerFault?
    {
        let (offset, length) = (pointer.offset, pointer.length)
        guard offset & (PageLayout.maximumAlignment - 1) == 0 else {
            return .unalignedOffset(offset)
        }
        let upper = Int(page.bytes.uint16(at: PageHeader.Offset.upper))
        let special = Int(page.bytes.uint16(at: PageHeader.Offset.special))
        guard offset >= max(upper, PageLayout.headerSize),
            offset + length <= min(special, PageLayout.size)
        else { return .outsideItemSpace(offset: offset, length: length) }
        return length < PageLayout.tupleHeaderSize ? .tooShort(length: length) : nil
    }

    /// The first item that shares bytes with one of a lower number. All lie aligned on the page.
    private static func overlap(on page: PageView) -> PageFormatError? {
        // A bit for each eight bytes of the page.
        var taken = InlineArray<16, UInt64>(repeating: 0)
        for number in page.linePointerNumbers {
            guard let pointer = page.linePointer(number), pointer.length > 0,
                pointer.state == .normal || pointer.state == .dead
            else { continue }
            let first = pointer.offset / 8
            let end = min((pointer.offset + pointer.length + 7) / 8, PageLayout.size / 8)
            for unit in first..<max(first, end) {
                let bit = UInt64(1) << UInt64(unit % 64)
                if taken[unit / 64] & bit != 0 {
                    return .badLinePointer(
                        number, .overlap(offset: pointer.offset, length: pointer.length))
                }
                taken[unit / 64] |= bit
            }
        }
        return nil
    }
}

extension HeapTupleView {
    /// What in the header cannot be so for a tuple of that many attributes; nil for nothing. What
    /// contradicts the tuple's length has been found when the view was made.
    ///
    /// - Parameters:
    ///   - attributes: how many attributes the tuple can have.
    ///   - allowsExternal: whether values may be stored out of line.
    public func headerFault(attributes: Int, allowsExternal: Bool = false) -> PageFormatError? {
        guard attributeCount <= attributes else {
            return .badTuple(number, .moreAttributes(attributeCount, than: attributes))
        }
        let flags = HeapTupleHeader.Flags(
            rawValue: bytes.uint16(at: HeapTupleHeader.Offset.flags))
        guard allowsExternal || !flags.contains(.hasExternal) else {
            return .badTuple(number, .storedElsewhere)
        }
        return nil
    }
}
