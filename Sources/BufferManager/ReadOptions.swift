/// How to treat a page that is not in the pool, or damaged. A mode that is given goes before the
/// ``BufferConfiguration``. Mirrors PostgreSQL's `ReadBufferMode`.
public enum ReadMode: Sendable, Hashable {
    /// Reads the page. A damaged page is an error, whatever the configuration says.
    case normal
    /// Reads the page. A damaged page becomes a page of zeroes, with a warning.
    case zeroOnError
    /// Does not read the page: the caller makes it anew. It comes filled with zeroes, unless it was
    /// in the pool, and with its content lock held exclusively by the caller's ``PinnedPage``. The
    /// block must exist.
    ///
    /// Until it is unlocked, the thread that asked for it must not take the lock through another
    /// pin, even if it has given the page away: that stops the process with a sentence. Writing the
    /// page throws `misuse` on that thread.
    case zeroAndLock
    /// As ``zeroAndLock``. If the block is behind the fork's end, the fork first grows to hold it,
    /// with pages of zeroes.
    case extendAndLock

    /// Whether the caller makes the page instead of reading it.
    @inline(__always)
    var makesPage: Bool { self == .zeroAndLock || self == .extendAndLock }
}

/// The options of a read. They are fixed when it is started, whichever thread completes it. Mirrors
/// PostgreSQL's `READ_BUFFERS_…` flags.
public struct ReadOptions: OptionSet, Sendable, Hashable {
    /// The options, one bit each. The lower ones travel with the IO.
    public let rawValue: UInt8
    /// Makes a set from raw bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Replaces damaged pages by pages of zeroes, with a warning.
    public static let zeroesDamagedPages = ReadOptions(rawValue: 1)
    /// Accepts a wrong checksum with a plausible header, with a warning.
    public static let ignoresChecksumFailures = ReadOptions(rawValue: 2)
    /// Asks the kernel to read the blocks ahead if the read itself is put off until it is waited
    /// for (under the synchronous method).
    public static let issuesAdvice = ReadOptions(rawValue: 4)
    /// The issuer will wait at once, and executes the IO itself.
    public static let synchronously = ReadOptions(rawValue: 8)

    /// Takes nothing from the ``BufferConfiguration``: damaged pages are errors, unless another
    /// option of the read forgives them.
    public static let refusesDamagedPages = ReadOptions(rawValue: 16)

    /// The options that the completing thread needs.
    static let travelling: ReadOptions = [.zeroesDamagedPages, .ignoresChecksumFailures]
}
