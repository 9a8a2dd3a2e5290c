internal import PageFormat
internal import PostgresTypes

/// A page of a B-tree that is in use, and its neighbours on its level; zero for none.
struct BTreeLink: Sendable {
    let block: UInt32
    let left: UInt32
    let right: UInt32
    let level: UInt32

    private static let deleted: UInt16 = 0x04
    private static let meta: UInt16 = 0x08

    /// Reads the special space of a B-tree's page; nil if the page is not in use.
    init?(_ page: PageView, _ block: UInt32) {
        let start = Int(page.header.special)
        guard let left: UInt32 = try? page.bytes.load(start),
            let right: UInt32 = try? page.bytes.load(start + 4),
            let level: UInt32 = try? page.bytes.load(start + 8),
            let flags: UInt16 = try? page.bytes.load(start + 12),
            flags & (Self.deleted | Self.meta) == 0
        else { return nil }
        self.block = block
        self.left = left
        self.right = right
        self.level = level
    }

    /// What the page adds to its index's sum, which is zero if each page that names a right
    /// neighbour is named by that as its left one. A sum of another value is certain not to be.
    var sum: UInt64 {
        (right == 0 ? 0 : Self.mixed(block, right, level))
            &- (left == 0 ? 0 : Self.mixed(left, block, level))
    }

    /// Spreads the bits (`splitmix64`), so that wrong pairs do not add up to zero by chance.
    private static func mixed(_ left: UInt32, _ right: UInt32, _ level: UInt32) -> UInt64 {
        var value = UInt64(left) << 32 | UInt64(right)
        value &+= UInt64(level) &* 0x9E37_79B9_7F4A_7C15
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

/// Finds the pages of a B-tree that their neighbours do not name, a range of blocks at a time, so
/// that memory is bounded. Mirrors the check of siblings of amcheck's `bt_index_check`.
struct BTreeLinks {
    /// How many blocks are followed at a time: about 50 MB.
    static let mostBlocks = 1 << 20
    /// How many pages are accused at most.
    private static let mostAccused = 1 << 16

    /// A page, and the pages that name it.
    private struct Page {
        var own: BTreeLink?
        /// The pages that name it as their right and as their left neighbour.
        var namedByLeft = Naming()
        var namedByRight = Naming()
    }

    /// Who names a page.
    private struct Naming {
        var block: UInt32 = 0
        var level: UInt32 = 0
        var count: UInt8 = 0

        mutating func add(_ link: BTreeLink) {
            block = link.block
            level = link.level
            if count < 2 { count += 1 }
        }
    }

    /// A page that does not go together with its neighbours.
    private struct Accused {
        let link: BTreeLink
        let isLeftWrong: Bool
        let isRightWrong: Bool
        /// The pages that it names, or that name it, on the wrong sides; zero for none.
        let others: [UInt32]

        /// How sure it is that this page is the wrong one, and not its neighbour: both sides tell
        /// so, or it has one only, or the other one speaks for it.
        var rank: Int {
            if isLeftWrong && isRightWrong { return 2 }
            return (isLeftWrong ? link.right : link.left) == 0 ? 1 : 0
        }
    }

    /// How many blocks the index has.
    private let blockCount: UInt32
    /// One bit for each block that was seen: of others nothing is known.
    private var seen: [UInt64]
    private var first: UInt32 = 0
    private var pages: [Page] = []
    private var accused: [Accused] = []

    init(blockCount: UInt64) {
        self.blockCount = UInt32(clamping: blockCount)
        seen = Array(repeating: 0, count: Int(self.blockCount / 64) + 1)
    }

    /// Where the ranges of blocks begin.
    var begins: StrideTo<UInt32> {
        stride(from: 0, to: blockCount, by: Self.mostBlocks)
    }

    /// Begins with the range of blocks from `first` on.
    mutating func begin(at first: UInt32) {
        self.first = first
        let count = min(UInt32(Self.mostBlocks), blockCount - min(first, blockCount))
        pages = Array(repeating: Page(), count: Int(count))
    }

    /// Takes a page of the index, of this or another range.
    mutating func take(_ link: BTreeLink) {
        if link.block < blockCount { seen[Int(link.block / 64)] |= 1 << UInt64(link.block % 64) }
        change(link.block) { $0.own = link }
        if link.right != 0 { change(link.right) { $0.namedByLeft.add(link) } }
        if link.left != 0 { change(link.left) { $0.namedByRight.add(link) } }
    }

    private mutating func change(_ block: UInt32, _ body: (inout Page) -> Void) {
        guard block >= first, block - first < UInt32(pages.count) else { return }
        body(&pages[Int(block - first)])
    }

    /// Judges the pages of the range.
    mutating func end() {
        for page in pages {
            guard let own = page.own, accused.count < Self.mostAccused else { continue }
            let left = isWrong(own.left, own, page.namedByLeft)
            let right = isWrong(own.right, own, page.namedByRight)
            guard left || right else { continue }
            var others: [UInt32] = []
            if left { others += [own.left, page.namedByLeft.block] }
            if right { others += [own.right, page.namedByRight.block] }
            accused.append(
                Accused(link: own, isLeftWrong: left, isRightWrong: right, others: others))
        }
        pages = []
    }

    private func isSeen(_ block: UInt32) -> Bool {
        block < blockCount && seen[Int(block / 64)] >> UInt64(block % 64) & 1 != 0
    }

    private func isWrong(_ neighbour: UInt32, _ own: BTreeLink, _ naming: Naming) -> Bool {
        // If two name it, one of them is the page that does not belong here.
        if naming.count > 1 { return false }
        if naming.count == 1 { return naming.block != neighbour || naming.level != own.level }
        // A neighbour that is damaged or empty may have named it.
        return neighbour != 0 && (neighbour >= blockCount || isSeen(neighbour))
    }

    /// The pages that do not go together with their neighbours, and why. One is left out if its
    /// neighbour is more likely the wrong one.
    func faults() -> [(block: UInt32, reason: String)] {
        let ranks = Dictionary(accused.lazy.map { ($0.link.block, $0.rank) }) { first, _ in first }
        return accused.compactMap { one in
            if one.others.contains(where: { ranks[$0, default: 0] > one.rank }) { return nil }
            let link = one.link
            var sides: [String] = []
            if one.isLeftWrong { sides.append(Self.side("left", link.left)) }
            if one.isRightWrong { sides.append(Self.side("right", link.right)) }
            return (link.block, sides.joined(separator: "; "))
        }
    }

    private static func side(_ name: String, _ block: UInt32) -> String {
        block == 0
            ? "it names no neighbour on the \(name), but another page names it"
            : "its neighbour on the \(name), block \(block), does not name it, or is of another"
                + " level"
    }
}
