/// Where a handle stands in the life of an IO. States follow one another in this order and end in
/// `idle` again. Only a release goes from `handedOut` straight back.
///
/// | state | who moves it on | what it promises |
/// |---|---|---|
/// | `idle` | owner | nothing refers to it |
/// | `handedOut` | owner | being filled in; one per session |
/// | `defined` | owner | operation and target are set |
/// | `staged` | owner | stage callbacks have run |
/// | `submitted` | completer | the method has it |
/// | `completedIO` | completer | the raw result is set |
/// | `completedShared` | owner | shared callbacks have run; waiters go on |
/// | `completedLocal` | owner | local callbacks have run, the ``IOReturn`` is filled |
///
/// Mirrors PostgreSQL's `PgAioHandleState`.
public enum HandleState: UInt8, Sendable {
    /// On the session's idle list.
    case idle
    /// Given to code that fills it in.
    case handedOut
    /// Operation and target are set.
    case defined
    /// Ready for the method, perhaps waiting for its batch.
    case staged
    /// Being executed.
    case submitted
    /// Executed; shared callbacks are running.
    case completedIO
    /// Done for every thread but the issuer.
    case completedShared
    /// Done.
    case completedLocal
}

/// What an IO does.
public enum IOOperation: UInt8, Sendable {
    /// Not yet defined.
    case none
    /// A vectored positional read.
    case read
    /// A vectored positional write.
    case write
    /// Makes a file's data and metadata durable (`fsync`).
    case sync
    /// Makes a file's data durable, and the metadata needed to read it (`fdatasync`).
    case dataSync
}

/// Traits of an IO that methods take into account. Mirrors PostgreSQL's `PgAioHandleFlags`.
public struct IOFlags: OptionSet, Sendable {
    /// One bit per flag.
    public let rawValue: UInt8
    /// Makes a set of raw bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The IO reads or writes memory that belongs to the session; only its thread may complete it.
    public static let referencesLocal = IOFlags(rawValue: 1)
    /// The issuer wants to wait at once, so the IO bypasses the method.
    public static let synchronous = IOFlags(rawValue: 2)
    /// The IO goes through the kernel's page cache, so that starting it may cost a copy.
    public static let buffered = IOFlags(rawValue: 4)
    /// The callbacks have considerable work to do on completion, such as decompression, however few
    /// bytes the IO moves. A method that can spreads such work over cores, one IO at a time.
    public static let heavyCompletion = IOFlags(rawValue: 8)
    /// The kernel either does the write as a whole, even across a power failure, or refuses it. The
    /// write bypasses the page cache, with sizes and offsets that the file system and the disk have
    /// declared they support.
    public static let atomicWrite = IOFlags(rawValue: 16)
}
