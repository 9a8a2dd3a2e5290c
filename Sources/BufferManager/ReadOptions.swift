/// How to treat a page that is not in the pool, or damaged. Mirrors PostgreSQL's `ReadBufferMode`.
public enum ReadMode: Sendable, Hashable {
    /// Reads the page. A damaged page is an error.
    case normal
    /// Reads the page. A damaged page becomes a page of zeroes, with a warning.
    case zeroOnError
    /// Does not read the page: the caller makes it anew. It comes filled with zeroes, unless it was
    /// in the pool, and with its content lock held exclusively by the caller's ``PinnedPage``.
    case zeroAndLock
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

    /// The options that the completing thread needs.
    static let travelling: ReadOptions = [.zeroesDamagedPages, .ignoresChecksumFailures]
}
