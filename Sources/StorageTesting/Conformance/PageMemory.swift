public import StorageManager

/// Pages of memory with distinguishable contents: each word depends on a value and its position.
///
/// Aligned for direct IO. Callers must synchronise threads.
@safe
public final class PageMemory: @unchecked Sendable {
    /// The number of pages.
    public let count: Int
    /// `max(1, count) * stride` bytes, allocated until `deinit`.
    private let memory: UnsafeMutableRawPointer
    /// The bytes from one page's start to the next. More than a page keeps vectors apart.
    private let stride: Int

    /// Makes pages filled with garbage.
    ///
    /// - Parameters:
    ///   - count: how many pages.
    ///   - apart: whether to leave a gap between pages.
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

    /// Fills a page with the contents for `value`.
    public func fill(_ position: Int, _ value: UInt32) {
        let words = unsafe self[position].bytes.bindMemory(to: UInt32.self)
        for index in words.indices { unsafe words[index] = Self.word(value, index) }
    }

    /// Fills the pages with the contents for `value` and the following values.
    public func fillAll(from value: UInt32) {
        for position in 0..<count { fill(position, value &+ UInt32(position)) }
    }

    /// Whether a page holds the contents for `value`.
    public func holds(_ position: Int, _ value: UInt32) -> Bool {
        let words = unsafe self[position].bytes.bindMemory(to: UInt32.self)
        for index in words.indices where unsafe words[index] != Self.word(value, index) {
            return false
        }
        return true
    }

    /// Whether the pages hold the contents for `value` and the following values.
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
