#if os(Linux)
    internal import Threads

    /// A small file system in memory, mounted for a test and unmounted with this object.
    ///
    /// Mounting needs a privilege that not every test has: see ``canBeMade``. Safe to use from any
    /// thread.
    public final class SmallFileSystem: Sendable {
        private let directory = TemporaryDirectory()
        private let bytes: Int

        /// Whether this process may mount file systems.
        public static let canBeMade = SmallFileSystem(bytes: 65536) != nil

        /// Mounts a file system; nil if that is not permitted.
        public init?(bytes: Int) {
            self.bytes = bytes
            if !mount(flags: 0) { return nil }
        }

        deinit { unsafe umount2(directory.path, CInt(MNT_DETACH)) }

        /// The mount point.
        public var path: String { directory.path }

        /// Makes the file system read-only or writable. Returns false while a file is open for
        /// writing.
        public func setReadOnly(_ isReadOnly: Bool) -> Bool {
            mount(flags: UInt(MS_REMOUNT) | (isReadOnly ? UInt(MS_RDONLY) : 0))
        }

        private func mount(flags: UInt) -> Bool {
            unsafe "size=\(bytes)".withCString {
                unsafe Glibc.mount("strata", directory.path, "tmpfs", flags, $0)
            } == 0
        }
    }
#endif
