internal import SystemPackage
internal import Threads

/// Where a directory really is, whatever links lead to it.
enum DirectoryPlace {
    /// Throws if a directory, which need not exist yet, is the other one or within it.
    static func refuse(_ path: FilePath, within other: FilePath) throws(ToolError) {
        guard let outer = resolved(other), let inner = existing(path), inner.starts(with: outer)
        else { return }
        throw ToolError(
            description: "the store would be in the data directory, in which nothing is written."
                + " Give --store another place.")
    }

    /// The path of a directory, or of the nearest one above it that exists.
    private static func existing(_ path: FilePath) -> FilePath? {
        var path = path
        while true {
            if let place = resolved(path) { return place }
            let parent = path.removingLastComponent()
            if parent == path || parent.isEmpty { return resolved(".") }
            path = parent
        }
    }

    private static func resolved(_ path: FilePath) -> FilePath? {
        guard let result = unsafe path.withPlatformString({ unsafe realpath($0, nil) }) else {
            return nil
        }
        defer { unsafe free(result) }
        return unsafe FilePath(platformString: result)
    }
}
