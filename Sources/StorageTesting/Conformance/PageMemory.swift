public import StorageManager

/// Pages of memory whose contents tell them apart: each word depends on a value and its position.
///
/// Aligned for direct IO. Whoever uses it keeps threads apart.
@safe
public final class PageMemory: @unchecked Sendable {
    /// How many pages.
    public let count: Int
    /// `max(1, count) * stride` bytes, allocated until `deinit`.
    private let memory: UnsafeMutableRawPointer
    /// Bytes between one page's start and the next: more than a page keeps vectors apart.
    private let stride: Int

    /// Pages full of rubbish.
    ///
    /// - Parameter apart: whether there is a gap between one page and the next.
    public init(_ count: Int, apart: Bool = false) {
        self.count = count
        stride = apart ? blockSize + 4096 : blockSize
        unsafe memory = .allocate(byteCount: max(1, count) * stride, alignment: 4096)
        unsafe memory.initializeMemory(
            as: UInt8.self, repeating: 0xEE, count: max(1, count) * stride)
    }

    deinit { unsafe memory.deallocate() }

    /// One page.
    public subscript(position: Int) -> PageAddress {
        precondition((0..<count).contains(position))
        return unsafe PageAddress(memory + position * stride)
    }

    /// All pages, in order.
    public var addresses: [PageAddress] { (0..<count).map { self[$0] } }

    /// Fills a page with what belongs to `value`.
    public func fill(_ position: Int, _ value: UInt32) {
        let words = unsafe self[position].bytes.bindMemory(to: UInt32.self)
        for index in words.indices { unsafe words[index] = Self.word(value, index) }
    }

    /// Fills the pages with what belongs to `value` and those behind it.
    public func fillAll(from value: UInt32) {
        for position in 0..<count { fill(position, value &+ UInt32(position)) }
    }

    /// Whether a page holds what belongs to `value`.
    public func holds(_ position: Int, _ value: UInt32) -> Bool {
        let words = unsafe self[position].bytes.bindMemory(to: UInt32.self)
        for index in words.indices where unsafe words[index] != Self.word(value, index) {
            return false
        }
        return true
    }

    /// Whether the pages hold what belongs to `value` and those behind it.
    public func holdsAll(from value: UInt32) -> Bool {
        (0..<count).allSatisfy { holds($0, value &+ UInt32($0)) }
    }

    /// Whether a page is all zeroes.
    public func isZero(_ position: Int) -> Bool {
        let bytes = unsafe self[position].bytes
        return unsafe !bytes.contains { $0 != 0 }
    }

    private static func word(_ value: UInt32, _ index: Int) -> UInt32 {
        value &* 2048 &+ UInt32(index)
    }
}
