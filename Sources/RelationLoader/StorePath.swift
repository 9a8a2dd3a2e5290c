internal import RowText
internal import SystemPackage
internal import Threads

/// The directory of a store, in which only the engine may create files. It need not exist yet.
struct StorePath {
    private let store: FilePath?

    init(_ directory: FilePath) {
        store = Self.resolved(directory) ?? Self.resolvedParent(directory)
    }

    /// - Throws: `LoadError.Reason.option(_:)` if the path leads into the store, through any
    ///   links, or is a dangling link, whose future target is unknown.
    func refuse(_ path: FilePath) throws(LoadError) {
        var status = stat()
        var place = Self.resolved(path)
        if place == nil {
            // An open pipe, such as `/dev/stdout`, has no path, and no place in a directory.
            if unsafe path.withPlatformString({ unsafe stat($0, &status) }) == 0 { return }
            if unsafe path.withPlatformString({ unsafe lstat($0, &status) }) == 0,
                status.st_mode & S_IFMT == S_IFLNK
            {
                throw LoadError(
                    .option("the file for rejected records is a link that leads nowhere"),
                    source: path.string)
            }
            // It is about to be created in its directory.
            place = Self.resolvedParent(path)
        }
        guard let place, let store, place.starts(with: store) else { return }
        throw LoadError(
            .option(
                "the file for rejected records must not be in the store's directory; give a"
                    + " place outside of it"), source: path.string)
    }

    /// The path of a missing file in an existing directory.
    private static func resolvedParent(_ path: FilePath) -> FilePath? {
        guard let name = path.lastComponent else { return nil }
        let parent = path.removingLastComponent()
        return resolved(parent.isEmpty ? "." : parent)?.appending(name)
    }

    /// The path with all links resolved; nil if it names nothing.
    private static func resolved(_ path: FilePath) -> FilePath? {
        guard let result = unsafe path.withPlatformString({ unsafe realpath($0, nil) }) else {
            return nil
        }
        defer { unsafe free(result) }
        return unsafe FilePath(platformString: result)
    }
}
