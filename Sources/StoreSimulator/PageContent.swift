internal import StorageTesting
internal import Strata

/// What the simulation writes on pages. A version and a block determine every byte of a page, so
/// that all of them can be checked. No two versions share a sector.
///
/// Version 0 is a page of zeroes, as added when relations grow. One version in four has one more
/// row than the others, so that row counts differ. Has memory of its own; belongs to one thread.
struct PageContent {
    /// The last version given out; each is written on one page.
    private(set) var lastVersion: UInt32 = 0
    private var words = [UInt64](repeating: 0, count: PageContent.wordCount)

    /// As much as fits on a page beside its header, two line pointers and a small item.
    private static let wordCount = 1014

    /// How many rows a page of that version has.
    static func rows(of version: UInt32) -> UInt64 {
        version == 0 ? 0 : version % 4 == 3 ? 2 : 1
    }

    /// The version that the next write will have.
    var nextVersion: UInt32 { lastVersion + 1 }

    /// Generates the words of a version: half of all versions compress, half do not.
    private mutating func make(_ version: UInt32, _ block: UInt32) {
        words[0] = UInt64(version) << 32 | UInt64(block)
        var state = words[0] &* 0x9e37_79b9_7f4a_7c15 | 1
        let mask: UInt64 = version % 2 == 0 ? .max : 0xffff
        unsafe words.withUnsafeMutableBufferPointer { words in
            for position in 1..<words.count {
                state = state &* 0xd134_2543_de82_ef95 &+ 0x2545_f491_4f6c_dd1d
                unsafe words[position] = (state ^ (state >> 29)) & mask
            }
        }
    }

    /// Writes a new version on a page and returns it.
    mutating func write(on page: borrowing PinnedPage) -> UInt32 {
        let (block, kind) = (page.block, page.relation.pageKind(of: page.fork))
        if kind == .postgres { return page.withEditor { write(on: &$0, block) } }
        lastVersion += 1
        make(lastVersion, block.rawValue)
        let words = words
        page.withExclusiveLock { bytes in
            for (position, word) in words.enumerated() {
                bytes.storeBytes(
                    of: word, toByteOffset: Self.ownStart + position * 8, as: UInt64.self)
            }
        }
        return lastVersion
    }

    /// Where the words begin on pages of other kinds than PostgreSQL's, behind any seal.
    private static let ownStart = SealedPage.headerSize

    /// The version on a page of another kind than PostgreSQL's.
    private mutating func ownVersion(on page: borrowing PinnedPage) -> UInt32? {
        let block = page.block.rawValue
        let found = page.withSharedLock { bytes in
            (0..<Self.wordCount).map {
                unsafe bytes.unsafeLoad(
                    fromByteOffset: Self.ownStart + $0 * 8, as: UInt64.self)
            }
        }
        let version = UInt32(found[0] >> 32)
        if version == 0 { return page.isZero ? 0 : nil }
        guard version <= lastVersion else { return nil }
        make(version, block)
        return found == words ? version : nil
    }

    /// Writes a new version of a block and returns it.
    mutating func write(on editor: inout PageEditor, _ block: BlockNumber) -> UInt32 {
        lastVersion += 1
        make(lastVersion, block.rawValue)
        let span = words.span
        editor.initialize()
        for row in 0..<Self.rows(of: lastVersion) {
            let item = unsafe row == 0 ? span.bytes : span.extracting(0..<1).bytes
            guard (try? editor.addItem(item)) != nil else {
                preconditionFailure("items of that size fit on an empty page")
            }
        }
        return lastVersion
    }

    /// Returns the version on a page, or nil if the page differs in any byte from every version
    /// written on that block.
    mutating func version(on page: borrowing PinnedPage) -> UInt32? {
        if page.relation.pageKind(of: page.fork) != .postgres { return ownVersion(on: page) }
        let block = page.block.rawValue
        let told: UInt32? = page.withView { view in
            if view.isNew { return 0 }
            guard let item = try? view.item(1), item.byteCount == Self.wordCount * 8 else {
                return nil
            }
            let word = unsafe item.unsafeLoadUnaligned(as: UInt64.self)
            let version = UInt32(word >> 32)
            guard UInt32(truncatingIfNeeded: word) == block,
                UInt64(view.linePointerCount) == Self.rows(of: version)
            else { return nil }
            return version
        }
        guard let version = told, version <= lastVersion else { return nil }
        if version == 0 { return page.isZero ? 0 : nil }
        make(version, block)
        let expected = words.span
        let isWhole = page.withView { view in
            guard let item = try? view.item(1) else { return false }
            for position in 0..<Self.wordCount {
                let word = unsafe item.unsafeLoadUnaligned(
                    fromByteOffset: position * 8, as: UInt64.self)
                if word != expected[position] { return false }
            }
            return true
        }
        return isWhole ? version : nil
    }
}

extension PinnedPage {
    fileprivate var isZero: Bool {
        withSharedLock { bytes in
            for offset in stride(from: 0, to: bytes.byteCount, by: 8)
            where unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt64.self) != 0 {
                return false
            }
            return true
        }
    }
}
