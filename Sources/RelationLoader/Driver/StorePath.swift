internal import RowText
internal import SystemPackage
internal import Threads

/// The directory of a store, in which nothing but the engine creates files. It need not exist yet.
struct StorePath {
    private let store: FilePath?

    init(_ directory: FilePath) {
        store = Self.resolved(directory) ?? Self.resolvedParent(directory)
    }

    /// - Throws: ``LoadError/Reason/option(_:)`` for a path into the store, whatever links it
    ///   passes, and for a link that leads nowhere: who knows what it is going to lead to.
    func refuse(_ path: FilePath) throws(LoadError) {
        var status = stat()
        var place = Self.resolved(path)
        if place == nil {
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
                "the file for rejected records must not lie in the store's directory; give a place"
                    + " outside of it"), source: path.string)
    }

    /// The path of what is not there yet, in a directory that is.
    private static func resolvedParent(_ path: FilePath) -> FilePath? {
        guard let name = path.lastComponent else { return nil }
        let parent = path.removingLastComponent()
        return resolved(parent.isEmpty ? "." : parent)?.appending(name)
    }

    /// The path without links; nil where there is nothing.
    private static func resolved(_ path: FilePath) -> FilePath? {
        guard let result = unsafe path.withPlatformString({ unsafe realpath($0, nil) }) else {
            return nil
        }
        defer { unsafe free(result) }
        return unsafe FilePath(platformString: result)
    }
}
