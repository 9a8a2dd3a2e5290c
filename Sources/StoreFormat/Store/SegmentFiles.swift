package import AsyncIO
package import FileAccess
package import StorageManager

/// Which segment files exist, according to their names. Each directory is listed once for all of
/// its relations. Used by one thread.
package struct SegmentFiles {
    private let files: FileAccess
    private var directories: [String: [Key: [UInt32]]] = [:]

    private struct Key: Hashable {
        let number: UInt32
        let fork: Fork
    }

    package init(_ files: FileAccess) { self.files = files }

    /// The numbers of a fork's segments, in order.
    ///
    /// - Parameter count: how many it should have. If it has fewer, it may have grown since the
    ///   directory was listed, so the directory is listed again.
    package mutating func segments(
        of locator: RelationLocator, _ fork: Fork, atLeast count: UInt64
    ) throws(StorageError) -> [UInt32] {
        let directory = locator.database == 0 ? "global" : "base/\(locator.database)"
        let key = Key(number: locator.number, fork: fork)
        if let found = directories[directory]?[key], UInt64(found.count) >= count { return found }
        // Most forks have no blocks and do not exist.
        if count == 0, let listed = directories[directory] { return listed[key] ?? [] }
        let listed = try list(directory)
        directories[directory] = listed
        return listed[key] ?? []
    }

    private func list(_ directory: String) throws(StorageError) -> [Key: [UInt32]] {
        var found: [Key: [UInt32]] = [:]
        for name in try files.list(directory) {
            guard let name = SegmentName(name) else { continue }
            found[Key(number: name.number, fork: name.fork), default: []].append(name.segment)
        }
        return found.mapValues { $0.sorted() }
    }
}
