internal import CPlatform
public import Logging

/// How a file grows by zeroes.
public enum ZeroExtension: Sendable, Hashable {
    /// Reserves the space in one call, without writing. If the file system cannot, zeroes are
    /// written instead.
    case fallocate
    /// Writes zeroes.
    case writeZeroes
}

/// The settings of a ``FileAccess``; they do not change while it is in use.
public struct FileAccessConfiguration: Sendable {
    /// How many kernel descriptors are kept open at a time, at least 1.
    ///
    /// A value above what the process's descriptor limit leaves is lowered to that. While all of
    /// them are lent to IO, more are opened as far as the process's limit leaves room.
    public var maximumOpenFiles = FileAccessConfiguration.defaultMaximumOpenFiles

    /// Whether reads and writes bypass the kernel's page cache.
    ///
    /// If so, memory, offset and length of every transfer must be multiples of
    /// ``FileAccess/directIOAlignment``. Files opened with ``FileOptions/buffered`` are exempt.
    public var usesDirectIO = false

    /// How files grow by zeroes.
    public var zeroExtension = ZeroExtension.fallocate

    /// From how many files on that are to be made durable together one call does so for all of
    /// their file system, where the kernel promises that. That call also writes what other programs
    /// have not written yet; with so many files it is faster all the same.
    public var filesSyncedTogether = 512

    /// What executes the system calls: the kernel, or a simulation.
    public var fileSystem: any FileSystem = KernelFileSystem()

    /// Whether access is read-only. Files are opened for reading, and every call that would create,
    /// write, extend, shorten, rename, remove or sync something throws `storeReadOnly` before it
    /// reaches the kernel. That includes IO started on handles.
    public var opensReadOnly = false

    /// Where to log.
    public var logger = Logger(label: "strata.files")

    /// A deliberate bug for tests to find: the first of the files to sync together is skipped.
    package var skipsFirstSync = false

    /// Makes the default settings.
    public init() {}

    /// A thousand, or what the process's descriptor limit leaves if that is less.
    public static var defaultMaximumOpenFiles: Int { min(1000, descriptorCeiling) }

    /// The most descriptors that files may ever use: the process's limit minus a reserve for the
    /// rest of the process.
    static var descriptorCeiling: Int {
        let limit = Int(strata_descriptor_limit())
        return max(1, limit - min(128, limit / 2))
    }
}
