/// A page to change. Holds nothing but its bytes, exclusively: while it lives nothing else may read
/// or write the page (in a buffer pool: hold the content lock). To read, borrow its ``view``.
///
/// Calls that find damaged bytes throw ``PageFormatError`` and change nothing.
public struct PageEditor: ~Copyable, ~Escapable {
    @usableFromInline
    var bytes: MutableRawSpan

    /// Edits `bytes`; nil if they are not exactly one page.
    @inlinable
    @_lifetime(copy bytes)
    public init?(_ bytes: consuming MutableRawSpan) {
        guard bytes.byteCount == PageLayout.size else { return nil }
        self.bytes = bytes
    }

    /// Edits the page at `page`.
    ///
    /// Unsafe: the 8192 bytes at `page` must stay writable, and untouched by others, while the
    /// editor lives, and nothing checks that. No alignment is needed.
    @inlinable
    @unsafe
    @_lifetime(immortal)
    public init(unsafePage page: UnsafeMutableRawPointer) {
        let span = unsafe MutableRawSpan(_unsafeStart: page, byteCount: PageLayout.size)
        bytes = unsafe _overrideLifetime(span, borrowing: ())
    }

    /// The page as it is, to read while the editor is not used.
    @inlinable
    public var view: PageView {
        @_lifetime(borrow self)
        get { PageView(checked: bytes.bytes) }
    }
}

extension PageEditor {
    /// The header as a value. Setting it writes all 24 bytes.
    @inlinable
    public var header: PageHeader {
        get { view.header }
        set { newValue.write(to: &bytes) }
    }

    /// The log position in the header (`PageGetLSN`, `PageSetLSN`).
    @inlinable
    public var lsn: LSN {
        get { view.lsn }
        set {
            bytes.store(
                UInt32(truncatingIfNeeded: newValue.rawValue >> 32),
                at: PageHeader.Offset.lsnHigh)
            bytes.store(
                UInt32(truncatingIfNeeded: newValue.rawValue), at: PageHeader.Offset.lsnLow)
        }
    }

    /// The flags in the header.
    @inlinable
    public var flags: PageFlags {
        get { view.flags }
        set { bytes.store(newValue.rawValue, at: PageHeader.Offset.flags) }
    }

    /// Makes the page empty: all bytes zero, and header set. Mirrors `PageInit`.
    public mutating func initialize() {
        clear()
        header = PageHeader()
    }

    /// Makes the page empty, with a special space of `specialSize` bytes (rounded up to 8) at its
    /// end. Mirrors `PageInit`.
    ///
    /// - Throws: `.badSpecialSize`, with the page unchanged, if it is negative or leaves no room
    ///   for the header.
    public mutating func initialize(specialSize: Int) throws(PageFormatError) {
        let empty = try PageHeader(specialSize: specialSize)
        clear()
        header = empty
    }

    /// Makes all bytes zero. The page is new then.
    public mutating func clear() {
        unsafe bytes.withUnsafeMutableBytes { page in
            _ = unsafe page.initializeMemory(as: UInt8.self, repeating: 0)
        }
    }

    /// Stores the checksum that the page must carry at `block`. A new page gets none. Mirrors
    /// `PageSetChecksumInplace`. Nothing may change the bytes between this call and the write.
    public mutating func setChecksum(block: UInt32) {
        guard !view.isNew else { return }
        bytes.store(
            PageChecksum.compute(view, block: block), at: PageHeader.Offset.checksum)
    }

    /// Overwrites a line pointer. Returns false if the page does not have it. The pointer is not
    /// checked here; reading checks it.
    @inlinable
    @discardableResult
    public mutating func setLinePointer(_ number: OffsetNumber, to pointer: LinePointer) -> Bool {
        guard number != 0, Int(number) <= view.linePointerCount else { return false }
        bytes.store(
            pointer.rawValue,
            at: PageLayout.lineStart &+ (Int(number) &- 1) &* PageLayout.linePointerSize)
        return true
    }
}

extension PageEditor {
    /// Copies `item` onto the page and points a line pointer at it: a free one if the header says
    /// there may be one, else a new one. Mirrors `PageAddItem`.
    ///
    /// - Parameters:
    ///   - item: the bytes; at most ``PageLayout/size``.
    ///   - isHeap: whether this is a heap page, which has at most
    ///     ``PageLayout/maxHeapTuplesPerPage`` line pointers.
    /// - Returns: the line pointer's number; nil if the item does not fit.
    /// - Throws: `.badHeader` if the header does not describe a page that can be added to.
    /// - Complexity: O(bytes), plus O(line pointers) if there may be a free one.
    @inlinable
    public mutating func addItem(
        _ item: RawSpan, isHeap: Bool = true
    ) throws(PageFormatError) -> OffsetNumber? {
        guard let slot = try reserve(item.byteCount, isHeap: isHeap) else { return nil }
        copy(item, to: slot.offset)
        return slot.number
    }

    /// Room for an item: its line pointer is set, its bytes are not.
    @usableFromInline
    struct Slot {
        @usableFromInline let number: OffsetNumber
        @usableFromInline let offset: Int

        @inlinable
        init(number: OffsetNumber, offset: Int) {
            self.number = number
            self.offset = offset
        }
    }

    /// Takes `length` bytes of free space and points a line pointer at them; nil if they or the
    /// line pointer do not fit.
    @inlinable
    mutating func reserve(_ length: Int, isHeap: Bool) throws(PageFormatError) -> Slot? {
        let old = header
        if let fault = old.fault { throw .badHeader(fault) }
        guard length <= PageLayout.size else { return nil }

        var number = OffsetNumber(truncatingIfNeeded: old.linePointerCount &+ 1)
        var lower = Int(old.lower)
        if old.flags.contains(.hasFreeLinePointers) {
            if let free = reusableLinePointer() { number = free }
        }
        if Int(number) > old.linePointerCount {
            if isHeap && Int(number) > PageLayout.maxHeapTuplesPerPage { return nil }
            lower = PageLayout.lineStart &+ Int(number) &* PageLayout.linePointerSize
        }
        let upper = Int(old.upper) &- PageLayout.align(length)
        guard lower <= upper else { return nil }

        bytes.store(UInt16(truncatingIfNeeded: lower), at: PageHeader.Offset.lower)
        bytes.store(UInt16(truncatingIfNeeded: upper), at: PageHeader.Offset.upper)
        setLinePointer(number, to: LinePointer(state: .normal, offset: upper, length: length))
        return Slot(number: number, offset: upper)
    }

    /// A line pointer that is free for reuse. If there is none, clears the hint in the page.
    @usableFromInline
    mutating func reusableLinePointer() -> OffsetNumber? {
        if let free = view.firstFreeLinePointer { return free }
        flags.remove(.hasFreeLinePointers)
        return nil
    }

    /// Copies `item` to `offset`.
    @inlinable
    mutating func copy(_ item: RawSpan, to offset: Int) {
        precondition(offset >= 0 && item.byteCount <= PageLayout.size &- offset)
        unsafe bytes.withUnsafeMutableBytes { page in
            unsafe item.withUnsafeBytes { source in
                // Both ranges lie within their spans, as just checked.
                guard let target = page.baseAddress, let origin = source.baseAddress else {
                    return
                }
                unsafe (target + offset).copyMemory(from: origin, byteCount: source.count)
            }
        }
    }
}
