internal import CPlatform
public import Logging

/// How a file grows by zeroes.
public enum ZeroExtension: Sendable, Hashable {
    /// Reserves the space in one call, without writing; where the file system cannot, zeroes are
    /// written instead.
    case fallocate
    /// Writes zeroes.
    case writeZeroes
}

/// The settings of a ``FileAccess``; they do not change while it is in use.
public struct FileAccessConfiguration: Sendable {
    /// How many kernel descriptors are kept open at a time, at least 1.
    ///
    /// Values above what the process's descriptor limit leaves are lowered to that. While all of
    /// them are lent to IO, more are opened as far as the process's limit leaves room.
    public var maximumOpenFiles = FileAccessConfiguration.defaultMaximumOpenFiles

    /// Whether files are read and written past the kernel's page cache.
    ///
    /// Memory, offset and length of every transfer must then be multiples of
    /// ``FileAccess/directIOAlignment``; files opened ``FileOptions/buffered`` are exempt.
    public var usesDirectIO = false

    /// How files grow by zeroes.
    public var zeroExtension = ZeroExtension.fallocate

    /// Where the system calls go: to the kernel, or to a simulation.
    public var fileSystem: any FileSystem = KernelFileSystem()

    /// Whether files are only looked at: they are opened for reading, and every call that would
    /// create, write, extend, shorten, rename, remove or sync something throws `storeReadOnly`
    /// before the kernel is asked. That holds for IO started on handles, too.
    public var opensReadOnly = false

    /// Where to log.
    public var logger = Logger(label: "strata.files")

    /// A mistake for tests to find: of the files to be synced together, the first is not.
    package var skipsFirstSync = false

    /// Makes the default settings.
    public init() {}

    /// A thousand, or what the process's descriptor limit leaves if that is less.
    public static var defaultMaximumOpenFiles: Int { min(1000, descriptorCeiling) }

    /// The most descriptors that files may ever use: the process's limit less a reserve for
    /// everything else in it.
    static var descriptorCeiling: Int {
        let limit = Int(strata_descriptor_limit())
        return max(1, limit - min(128, limit / 2))
    }
}
