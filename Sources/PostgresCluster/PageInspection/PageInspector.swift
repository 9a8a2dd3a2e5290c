internal import PageFormat
public import PostgresRescue
internal import PostgresVerification

/// Takes pages apart. Belongs to one thread.
///
/// ```swift
/// var inspector = PageInspector(checksums: true)
/// inspector.useColumns(try RescueSchema(parsing: "id bigint, name text"))
/// let page = inspector.inspect(bytes, block: 7)
/// ```
///
/// No bytes make it trap; what is impossible is said in its place. Time and memory are in
/// proportion to the page.
public struct PageInspector {
    /// The kinds of a relation's files.
    public enum File: String, Sendable, Hashable, CaseIterable {
        /// Rows or an index; which one is told by the page's special space.
        case main
        /// The free space map.
        case freeSpaceMap
        /// The visibility map.
        case visibilityMap
    }

    private let checksums: Bool
    private var texts: TupleTexts?
    /// Every sequence has the same columns.
    private var sequenceTexts =
        (try? RescueSchema(
            parsing: "last_value bigint, log_cnt bigint, is_called boolean")).map { TupleTexts($0) }

    /// Makes an inspector.
    ///
    /// - Parameter checksums: whether pages have checksums. Without one in a page's header, none is
    ///   asked for.
    public init(checksums: Bool) { self.checksums = checksums }

    /// Shows values of rows by these columns.
    public mutating func useColumns(_ schema: RescueSchema) { texts = TupleTexts(schema) }

    /// Shows values of rows by the columns of a table.
    public mutating func useColumns(of target: RescueTarget) { texts = TupleTexts(target) }

    /// Takes a page apart.
    ///
    /// - Parameters:
    ///   - bytes: the page. What is missing of 8192 bytes is taken for zeroes, what is more is left
    ///     out.
    ///   - block: its block, counted across all segments.
    ///   - file: the kind of its file.
    public mutating func inspect(
        _ bytes: [UInt8], block: UInt32, file: File = .main
    ) -> InspectedPage {
        var bytes = Array(bytes.prefix(PageLayout.size))
        bytes += repeatElement(0, count: PageLayout.size - bytes.count)
        let view = unsafe PageView(bytes.span.bytes)
        guard let view else { preconditionFailure("The array has exactly a page's bytes.") }
        return inspect(view, bytes, block, file)
    }

    private mutating func inspect(
        _ page: PageView, _ bytes: [UInt8], _ block: UInt32, _ file: File
    ) -> InspectedPage {
        let verification = page.verify(block: block, checksums: checksums)
        var parts = [header(page)]
        var pointers: [InspectedLinePointer] = []
        let kind: String
        if page.isAllZero {
            kind = "a page of zeroes"
            parts = [
                InspectedPart(
                    kind: .unused, range: 0..<PageLayout.size, linePointer: nil, fields: [])
            ]
        } else if file != .main {
            let isSpace = file == .freeSpaceMap
            kind = isSpace ? "a free space map" : "a visibility map"
            let fields =
                isSpace
                ? MapPages.freeSpace(page, block: block)
                : MapPages.visibility(page, block: block)
            parts.append(
                InspectedPart(
                    kind: .contents, range: PageLayout.headerSize..<PageLayout.size,
                    linePointer: nil, fields: fields))
        } else {
            let pageKind = PostgresPageKind(page)
            kind = pageKind.name
            parts += contents(page, pageKind, block, &pointers)
        }
        return InspectedPage(
            block: block, kind: kind, verification: verification, parts: Self.filled(parts),
            linePointers: pointers, bytes: bytes)
    }

    private func header(_ page: PageView) -> InspectedPart {
        let header = page.header
        let bytes = PageBytes(page.bytes)
        return InspectedPart(
            kind: .header, range: 0..<PageLayout.headerSize, linePointer: nil,
            fields: [
                InspectedField("lsn", bytes.position(0)),
                InspectedField("checksum", header.checksum),
                InspectedField(
                    "flags", .flags(FlagNames.names(header.flags.rawValue, FlagNames.page))),
                InspectedField("lower", header.lower), InspectedField("upper", header.upper),
                InspectedField("special", header.special),
                InspectedField("pagesize", header.size),
                InspectedField("version", header.version),
                InspectedField("prune_xid", header.pruneXID),
            ])
    }

    private mutating func contents(
        _ page: PageView, _ kind: PostgresPageKind, _ block: UInt32,
        _ pointers: inout [InspectedLinePointer]
    ) -> [InspectedPart] {
        var parts: [InspectedPart] = []
        let special = min(max(Int(page.header.special), PageLayout.headerSize), PageLayout.size)
        if special < PageLayout.size {
            parts.append(
                InspectedPart(
                    kind: .special, range: special..<PageLayout.size, linePointer: nil,
                    fields: SpecialSpaces.fields(kind, page, at: special)))
        }
        if let contents = MetaPages.contents(kind, page, special: special, block: block) {
            let end = min(special, PageLayout.headerSize + max(0, contents.length))
            parts.append(
                InspectedPart(
                    kind: .contents, range: PageLayout.headerSize..<end, linePointer: nil,
                    fields: contents.fields))
            return parts
        }
        pointers = linePointers(page, kind)
        let lower = PageLayout.headerSize + PageLayout.linePointerSize * pointers.count
        if !pointers.isEmpty {
            parts.append(
                InspectedPart(
                    kind: .linePointers, range: PageLayout.headerSize..<lower, linePointer: nil,
                    fields: []))
        }
        let upper = min(Int(page.header.upper), special)
        if upper > lower {
            parts.append(
                InspectedPart(
                    kind: .freeSpace, range: lower..<upper, linePointer: nil,
                    fields: [InspectedField("bytes", upper - lower)]))
        }
        let role = IndexItems.Role(kind, page, special: special)
        for pointer in pointers where pointer.fault == nil && pointer.length > 0 {
            if pointer.state == "redirect" { continue }
            let range = pointer.offset..<pointer.offset + pointer.length
            let item = page.bytes.extracting(range)
            let fields: [InspectedField]
            switch kind {
            case .sequence: fields = HeapItems.fields(item, pointer.number, &sequenceTexts)
            case .heap, .other: fields = HeapItems.fields(item, pointer.number, &texts)
            default: fields = IndexItems.fields(kind, item, role)
            }
            parts.append(
                InspectedPart(
                    kind: .item, range: range, linePointer: pointer.number, fields: fields))
        }
        return parts
    }

    private func linePointers(_ page: PageView, _ kind: PostgresPageKind) -> [InspectedLinePointer]
    {
        // No page has more than there is room for before its items.
        let room = (PageLayout.size - PageLayout.headerSize) / PageLayout.linePointerSize
        return page.linePointerNumbers.prefix(room).compactMap { number in
            guard let pointer = page.linePointer(number) else { return nil }
            return InspectedLinePointer(
                number: number, state: Self.name(pointer.state), offset: pointer.offset,
                length: pointer.length, fault: Self.fault(pointer, page))
        }
    }

    private static func name(_ state: LinePointer.State) -> String {
        switch state {
        case .unused: "unused"
        case .normal: "normal"
        case .redirect: "redirect"
        case .dead: "dead"
        }
    }

    private static func fault(_ pointer: LinePointer, _ page: PageView) -> String? {
        let (offset, length) = (pointer.offset, pointer.length)
        if pointer.state == .redirect {
            return (1...page.linePointerCount).contains(offset)
                ? nil : "there is no line pointer \(offset)"
        }
        if length == 0 { return pointer.state == .normal ? "it has no bytes" : nil }
        if offset < PageLayout.headerSize || offset + length > PageLayout.size {
            return "it leads out of the page"
        }
        return offset % PageLayout.maximumAlignment == 0 ? nil : "its offset is not aligned"
    }

    /// The parts in the order of their bytes, with what belongs to none of them between.
    private static func filled(_ parts: [InspectedPart]) -> [InspectedPart] {
        var result: [InspectedPart] = []
        var end = 0
        let sorted = parts.sorted {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }
        for part in sorted {
            // Items are padded to eight bytes.
            if part.range.lowerBound > end, part.range.lowerBound > PageLayout.align(end) {
                result.append(
                    InspectedPart(
                        kind: .unused, range: end..<part.range.lowerBound, linePointer: nil,
                        fields: []))
            }
            result.append(part)
            end = max(end, part.range.upperBound)
        }
        if end < PageLayout.size, PageLayout.align(end) < PageLayout.size {
            result.append(
                InspectedPart(
                    kind: .unused, range: end..<PageLayout.size, linePointer: nil, fields: []))
        }
        return result
    }
}
