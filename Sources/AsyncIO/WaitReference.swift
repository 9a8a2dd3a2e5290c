/// Names one IO, so that any thread can wait for it.
///
/// A handle serves one IO after another, so a reference holds the handle's index and its
/// generation. Once the handle has been reclaimed the generation differs, and waiting returns at
/// once. Copies trivially. Wait with ``Session/wait(for:)`` on a session's thread, and with
/// ``IOSystem/wait(for:)`` on any other. Mirrors PostgreSQL's `PgAioWaitRef`.
public struct WaitReference: Sendable, Hashable, BitwiseCopyable {
    let index: UInt32
    let generation: UInt64

    @usableFromInline
    static let invalidIndex = UInt32.max

    init(index: UInt32, generation: UInt64) {
        self.index = index
        self.generation = generation
    }

    /// Makes an invalid reference.
    public init() { self.init(index: Self.invalidIndex, generation: 0) }

    /// Makes a reference from the two words that ``words`` gave.
    ///
    /// For layers that keep references in atomics.
    public init(words: (index: UInt32, generation: UInt64)) {
        self.init(index: words.index, generation: words.generation)
    }

    /// The reference's parts, for layers that keep references in atomics.
    public var words: (index: UInt32, generation: UInt64) { (index, generation) }

    /// Makes the reference invalid.
    public mutating func clear() { self = WaitReference() }

    /// Whether the reference names an IO, completed or not.
    public var isValid: Bool { index != Self.invalidIndex }

    /// The handle's number, for logs and snapshots; meaningless while invalid.
    public var id: Int { Int(index) }
}
