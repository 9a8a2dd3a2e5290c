internal import StorageManager

/// Identifies the page in a buffer, in two words. Mirrors PostgreSQL's `BufferTag`.
///
/// The session of a local relation is not part of it: a pool holds either shared relations or those
/// of one session.
struct PageTag: Equatable, BitwiseCopyable, Sendable {
    /// Database and relation number.
    let relation: UInt64
    /// Fork and block.
    let page: UInt64

    @inline(__always)
    init(relation: UInt64, page: UInt64) {
        self.relation = relation
        self.page = page
    }

    @inline(__always)
    init(_ locator: RelationLocator, _ fork: Fork, _ block: BlockNumber) {
        relation = Self.relationWord(locator)
        page = UInt64(fork.rawValue) << 32 | UInt64(block.rawValue)
    }

    @inline(__always)
    static func relationWord(_ locator: RelationLocator) -> UInt64 {
        UInt64(locator.database) << 32 | UInt64(locator.number)
    }

    var block: BlockNumber { BlockNumber(UInt32(truncatingIfNeeded: page)) }
    var fork: Fork { Fork(rawValue: UInt8(truncatingIfNeeded: page >> 32)) ?? .main }
    var forkWord: UInt64 { page >> 32 }

    /// The tag of the page `distance` blocks further on. Callers must know that it exists.
    func advanced(by distance: Int) -> PageTag {
        PageTag(relation: relation, page: page &+ UInt64(bitPattern: Int64(distance)))
    }

    /// The size of a group: sixteen neighbouring blocks get neighbouring buckets, which share a
    /// cache line.
    static let group: UInt64 = 16

    /// The number of blocks in the group, from this one on.
    var leftInGroup: Int { Int(Self.group &- page % Self.group) }

    /// The bucket in a table of `mask + 1` buckets, a power of two.
    @inline(__always)
    func bucket(mask: UInt64) -> Int {
        var hash =
            (relation &* 0x9E37_79B9_7F4A_7C15) ^ ((page / Self.group) &* 0xC2B2_AE3D_27D4_EB4F)
        hash ^= hash >> 29
        hash &*= 0xBF58_476D_1CE4_E5B9
        hash ^= hash >> 32
        return Int(truncatingIfNeeded: (hash &* Self.group | page % Self.group) & mask)
    }
}
