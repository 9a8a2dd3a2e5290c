#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The directory of a store, in which nothing but the engine creates files.
struct StorePath {
    private let store: String?

    init(_ directory: String) { store = Self.resolved(directory) }

    /// - Throws: ``LoadError/Reason/option(_:)`` for a path into the store, whatever links it
    ///   passes, and for a link that leads nowhere: who knows what it is going to lead to.
    func refuse(_ path: String) throws(LoadError) {
        var status = stat()
        var place = Self.resolved(path)
        if place == nil {
            if unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK {
                throw LoadError(
                    .option("the file for rejected records is a link that leads nowhere"),
                    source: path)
            }
            // It is about to be created in its directory.
            place = Self.resolved(Self.parent(path))
        }
        guard let place, let store, place == store || place.hasPrefix(store + "/") else { return }
        throw LoadError(
            .option(
                "the file for rejected records must not lie in the store's directory; give a place"
                    + " outside of it"), source: path)
    }

    private static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The path without links; nil where there is nothing.
    private static func resolved(_ path: String) -> String? {
        guard let result = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(result) }
        return unsafe String(cString: result)
    }
}
