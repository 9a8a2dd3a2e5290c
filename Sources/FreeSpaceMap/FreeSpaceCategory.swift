internal import PageFormat

/// An amount of free space as a map keeps it: one byte, which counts steps of 32 bytes. Mirrors the
/// categories of PostgreSQL's `freespace.c`.
///
/// A page is put in the category whose bytes it has at least; a request in the one whose pages all
/// have room for it. So a page that is found may have up to 31 bytes more than the map says, never
/// fewer.
public struct FreeSpaceCategory: RawRepresentable, Hashable, Comparable, Sendable {
    /// 0 for less than 32 bytes, 255 for room for the largest tuple.
    public let rawValue: UInt8

    /// Makes a category of what a map holds.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The greatest number of bytes that can be asked for: the largest tuple.
    public static var greatestRequest: Int { PageLayout.maximumTupleSize }

    private static let step = 32

    /// The category of a page with that many free bytes. Mirrors `fsm_space_avail_to_cat`.
    public init(available bytes: Int) {
        if bytes >= Self.greatestRequest {
            self.init(rawValue: 255)
        } else {
            self.init(rawValue: UInt8(clamping: min(254, bytes / Self.step)))
        }
    }

    /// The least category whose pages have room for that many bytes; nil if none has, or for fewer
    /// than 0. Mirrors `fsm_space_needed_to_cat`.
    public init?(needed bytes: Int) {
        guard (0...Self.greatestRequest).contains(bytes) else { return nil }
        self.init(rawValue: UInt8(max(1, min(255, (bytes + Self.step - 1) / Self.step))))
    }

    /// How many bytes a page of this category has at least. Mirrors `fsm_space_cat_to_avail`.
    public var bytes: Int { Int(rawValue) * Self.step }

    /// Orders categories by their bytes.
    public static func < (left: FreeSpaceCategory, right: FreeSpaceCategory) -> Bool {
        left.rawValue < right.rawValue
    }
}
