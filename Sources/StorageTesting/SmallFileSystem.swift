#if os(Linux)
    internal import Glibc

    /// A file system of few bytes in memory, mounted for a test and gone with this object.
    ///
    /// Mounting needs a privilege that not every test has: see ``canBeMade``. Any thread.
    public final class SmallFileSystem: Sendable {
        private let directory = TemporaryDirectory()
        private let bytes: Int

        /// Whether this process may mount one.
        public static let canBeMade = SmallFileSystem(bytes: 65536) != nil

        /// Mounts one; nil where that is not permitted.
        public init?(bytes: Int) {
            self.bytes = bytes
            if !mount(flags: 0) { return nil }
        }

        deinit { unsafe umount2(directory.path, CInt(MNT_DETACH)) }

        /// Where it is mounted.
        public var path: String { directory.path }

        /// Lets nothing be written any more, or ends that; false while a file is open for writing.
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
