/// What to do about a page that is not in the pool, or damaged. Mirrors PostgreSQL's
/// `ReadBufferMode`.
public enum ReadMode: Sendable, Hashable {
    /// It is read; a damaged page is an error.
    case normal
    /// It is read; a damaged page becomes a page of zeroes, with a warning.
    case zeroOnError
    /// It is not read: the caller makes the page anew. It comes filled with zeroes, unless it was
    /// in the pool, and with its content lock held exclusively by the caller's ``PinnedPage``.
    case zeroAndLock
}

/// How a read behaves; fixed when it is started, whoever completes it. Mirrors PostgreSQL's
/// `READ_BUFFERS_…` flags.
public struct ReadOptions: OptionSet, Sendable, Hashable {
    /// One bit an option. The lower ones travel with the IO.
    public let rawValue: UInt8
    /// Makes a set of raw bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Damaged pages become pages of zeroes, with a warning.
    public static let zeroesDamagedPages = ReadOptions(rawValue: 1)
    /// A wrong checksum over a plausible header is accepted, with a warning.
    public static let ignoresChecksumFailures = ReadOptions(rawValue: 2)
    /// The kernel is asked to have the blocks ready where the read itself is put off until it is
    /// waited for (under the synchronous method).
    public static let issuesAdvice = ReadOptions(rawValue: 4)
    /// The issuer is going to wait at once; it executes the IO itself.
    public static let synchronously = ReadOptions(rawValue: 8)

    /// What the completing thread needs to know.
    static let travelling: ReadOptions = [.zeroesDamagedPages, .ignoresChecksumFailures]
}
