package import AsyncIO
package import FileAccess
package import StorageManager

/// Segments of relations' forks.
extension PresentFiles {
    /// The segments of a fork that lie behind a number of blocks, after one that is missing or not
    /// full.
    ///
    /// - Throws: what reading the files' status throws.
    package func severedSegments(
        of locator: RelationLocator, _ fork: Fork, behind count: UInt32, segmentBlocks: UInt32,
        _ files: FileAccess
    ) throws(StorageError) -> [String] {
        var segments: [UInt32: String] = [:]
        for path in byNumber[locator.number] ?? [] {
            let name = path.dropFirst(Self.directory.utf8.count + 1)
            guard let segment = SegmentName(String(name)), segment.fork == fork else { continue }
            segments[segment.segment] = path
        }
        let last = try lastReachable(segments, segmentBlocks, files)
        var found: [String] = []
        for (segment, path) in segments.sorted(by: { $0.key < $1.key })
        where segment > last && UInt64(segment) * UInt64(segmentBlocks) >= UInt64(count) {
            // Truncating leaves empty files, which are harmless. Removed ones are gone.
            if try size(of: path, files) ?? 0 > 0 { found.append(path) }
        }
        return found
    }

    /// A file with contents at the name of a fork that the catalog does not know: it is not what
    /// the store has left, so nothing may be lost of it.
    ///
    /// - Throws: what asking the storage, and reading the files' status, throws.
    package static func foreignFile(
        _ fork: Fork, of relation: OpenRelation, _ files: FileAccess
    ) throws(StorageError) -> String? {
        if relation.capabilities.isVolatile { return nil }
        if try relation.storage.exists(fork), let count = try? relation.storage.blockCount(fork) {
            if count > 0 { return "\(relation.locator)\(fork.suffix)" }
            if !relation.capabilities.keepsSegmentFiles { return nil }
        }
        for path in paths(of: relation.locator, fork)
        where try files.status(of: path)?.size ?? 0 > 0 { return path }
        return nil
    }

    /// The segment that ends the fork: the first one that is not full or has no successor.
    private func lastReachable(
        _ segments: [UInt32: String], _ segmentBlocks: UInt32, _ files: FileAccess
    ) throws(StorageError) -> UInt32 {
        var segment: UInt32 = 0
        while segment < .max, segments[segment + 1] != nil {
            guard let path = segments[segment], let bytes = try size(of: path, files),
                UInt64(bytes) / UInt64(blockSize) >= UInt64(segmentBlocks)
            else { break }
            segment += 1
        }
        return segment
    }

    /// Returns nil if the path does not name a file.
    private func size(of path: String, _ files: FileAccess) throws(StorageError) -> Int64? {
        guard let status = try files.status(of: path), status.kind == .file else { return nil }
        return status.size
    }
}
