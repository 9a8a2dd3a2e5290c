internal import CPlatform

/// The layout of pages of the kind `sealed`.
///
/// | offset | size | on disk | in memory |
/// |---|---|---|---|
/// | 0 | 8 | the log position, high half first, as in PostgreSQL's header | the same |
/// | 8 | 4 | the CRC-32C of the page's place and of all its other bytes | 0 |
/// | 12 | 4 | `53 54 50 01`: a mark and the layout's version | 0 |
/// | 16 | 8176 | the author's | the same |
///
/// A page of zeroes has no seal: it was never written to. The place is the page's relation, fork
/// and block, so a page that was written to a wrong place is found when it is read there. Strata
/// seals the copy that is written, and takes the seal off a page that was read.
public enum SealedPage {
    /// The bytes before the author's contents.
    public static let headerSize = 16

    private static let sumOffset = 8
    private static let markOffset = 12
    private static let mark: UInt32 = 0x0150_5453

    /// Whether the bytes of the seal are zero, as they must be in memory.
    static func isSealFree(_ page: PageView) -> Bool {
        page.bytes.uint32(at: sumOffset) | page.bytes.uint32(at: markOffset) == 0
    }

    static func verify(_ page: PageView, at place: PagePlace) -> PageVerification {
        guard page.bytes.uint32(at: markOffset) == mark else {
            return page.isAllZero ? .new : .invalid(.missingSeal)
        }
        let (found, expected) = (page.bytes.uint32(at: sumOffset), sum(page, place))
        return found == expected
            ? .valid : .invalid(.wrongSeal(expected: expected, found: found))
    }

    static func seal(_ page: inout PageEditor, at place: PagePlace) {
        if page.view.isAllZero { return }
        page.bytes.store(mark, at: markOffset)
        page.bytes.store(sum(page.view, place), at: sumOffset)
    }

    /// Takes the seal off a page that was read and verified.
    public static func removeSeal(_ page: inout PageEditor) {
        page.bytes.store(UInt32(0), at: sumOffset)
        page.bytes.store(UInt32(0), at: markOffset)
    }

    /// The CRC of a page's place and its bytes but the CRC's own.
    private static func sum(_ page: PageView, _ place: PagePlace) -> UInt32 {
        let words: InlineArray<5, UInt32> = [
            place.database.littleEndian, place.relation.littleEndian,
            place.localSession.littleEndian, place.fork.littleEndian, place.block.littleEndian,
        ]
        let seed = unsafe words.span.withUnsafeBytes { words in
            unsafe strata_crc32c(0, words.baseAddress, words.count)
        }
        return unsafe page.bytes.withUnsafeBytes { bytes in
            let head = unsafe strata_crc32c(seed, bytes.baseAddress, sumOffset)
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[markOffset...])
            return unsafe strata_crc32c(head, rest.baseAddress, rest.count)
        }
    }
}
