internal import PageFormat
internal import PostgresVerification

/// What one page of a relation is like, for a picture of all.
public struct PageCell: Sendable, Hashable {
    /// What a page is.
    public enum State: Sendable, Hashable {
        /// All zeroes.
        case zero
        /// Its checksum or header is wrong.
        case damaged
        /// It could not be read.
        case unreadable
        /// It is whole. Free space is in tenths of the page, from 0 to 9.
        case whole(freeTenths: Int, isAllVisible: Bool)
    }

    /// The block, counted across all segments.
    public let block: UInt32
    /// What it is.
    public let state: State

    /// Makes a cell.
    ///
    /// - Parameters:
    ///   - bytes: the page; nil if it could not be read.
    ///   - block: its block.
    ///   - checksums: whether pages have checksums.
    ///   - isAllVisible: what the visibility map says; nil to ask the page.
    public init(_ bytes: [UInt8]?, block: UInt32, checksums: Bool, isAllVisible: Bool? = nil) {
        self.block = block
        guard let bytes, let page = unsafe PageView(bytes.span.bytes) else {
            state = .unreadable
            return
        }
        switch page.verify(block: block, checksums: checksums) {
        case .new: state = .zero
        case .invalid: state = .damaged
        case .valid:
            let free = max(0, Int(page.header.upper) - Int(page.header.lower))
            state = .whole(
                freeTenths: min(9, free * 10 / PageLayout.size),
                isAllVisible: isAllVisible ?? page.flags.contains(.allVisible))
        }
    }

    /// The cell as one character: `.` zeroes, `!` damaged, `?` unreadable; `0` to `9` tenths of
    /// free space, or `a` to `j` if all rows are visible to everyone.
    public var character: Character {
        switch state {
        case .zero: return "."
        case .damaged: return "!"
        case .unreadable: return "?"
        case .whole(let tenths, let isAllVisible):
            let base: Unicode.Scalar = isAllVisible ? "a" : "0"
            return Character(Unicode.Scalar(UInt8(base.value) + UInt8(clamping: min(9, tenths))))
        }
    }
}

extension PageCell {
    /// How many blocks one page of the visibility map tells of.
    public static let blocksPerVisibilityPage = UInt32(MapPages.visibilityBlocks)

    /// What a page of the visibility map says about a block: whether all rows on it are visible to
    /// everyone.
    public static func isAllVisible(_ block: UInt32, inMapPage bytes: [UInt8]) -> Bool {
        guard let page = unsafe PageView(bytes.span.bytes) else { return false }
        return MapPages.visibility(page, index: Int(block % blocksPerVisibilityPage)).allVisible
    }
}
