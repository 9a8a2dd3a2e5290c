package import AsyncIO
internal import FileAccess
internal import PageChecking
internal import PageFormat
internal import StorageManager

/// What the visibility map of a table says of its blocks: a server marks only blocks that have been
/// used, so that they must be there and cannot be all zeroes. Belongs to its session's thread.
/// Mirrors the layout of `visibilitymap.c`.
package final class VisibilityBits {
    private let checker: PageChecker
    private let source: SegmentSource
    private let memory = PageSlots(slots: 1, pages: 1)
    private var page: (number: UInt32, bytes: [UInt8])?

    /// The bytes of a page that have marks, of four blocks each.
    private static let bytes = UInt32(PageLayout.size - PageLayout.headerSize)
    private static let blocksPerByte: UInt32 = 4

    /// Returns nil if the table has no map that can be read.
    package init?(_ directory: DataDirectory, _ place: RelationPlace, session: Session) {
        let path = directory.path(place) + Fork.visibilityMap.suffix
        guard let file = try? directory.files.open(path, .readOnly), let size = try? file.size()
        else { return nil }
        checker = PageChecker(
            session, checksums: directory.control.hasPageChecksums, combineLimit: 1)
        source = SegmentSource(
            file: file, firstBlock: 0, blocks: 0..<UInt32(clamping: size / Int64(blockSize)),
            locator: RelationLocator(database: place.database, number: place.number),
            fork: .visibilityMap, manager: DataDirectory.magnetic,
            target: directory.verificationTarget)
    }

    deinit { source.file.close(checker.session) }

    /// The marks on a page of the map; none if it is damaged.
    private func marks(_ number: UInt32) -> [UInt8] {
        if let page, page.number == number { return page.bytes }
        var bytes: [UInt8] = []
        let address = memory.address(0, 0)
        if number < source.blocks.upperBound,
            case .page(.valid, _) = checker.read(number, of: source, into: address)
        {
            bytes = unsafe Array(
                UnsafeRawBufferPointer(address.bytes).dropFirst(PageLayout.headerSize))
        }
        page = (number, bytes)
        return bytes
    }

    /// Whether a block is marked.
    package func has(_ block: UInt32) -> Bool {
        let (byte, inByte) = block.quotientAndRemainder(dividingBy: Self.blocksPerByte)
        let marks = marks(byte / Self.bytes)
        let index = Int(byte % Self.bytes)
        return index < marks.count && marks[index] >> UInt8(2 * inByte) & 3 != 0
    }

    /// The block behind the last one that is marked.
    package var end: UInt32 {
        for number in source.blocks.reversed() {
            let marks = marks(number)
            guard let index = marks.lastIndex(where: { $0 != 0 }) else { continue }
            let inByte = UInt64(7 - marks[index].leadingZeroBitCount) / 2
            let byte = UInt64(number) * UInt64(Self.bytes) + UInt64(index)
            return UInt32(clamping: byte * UInt64(Self.blocksPerByte) + inByte + 1)
        }
        return 0
    }
}
