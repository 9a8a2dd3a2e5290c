internal import SystemPackage
internal import Threads

/// The identity of a file, by which two paths to it are recognised.
struct FileIdentity: Equatable {
    private let device: UInt64
    private let number: UInt64

    /// Returns nil if there is no such file.
    init?(_ path: FilePath) {
        var status = stat()
        guard unsafe path.withPlatformString({ unsafe stat($0, &status) }) == 0 else { return nil }
        device = UInt64(status.st_dev)
        number = UInt64(status.st_ino)
    }
}
