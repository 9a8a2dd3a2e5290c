internal import FileAccess

/// Segment files after one that is missing or not full.
extension Recovery {
    /// Reports those whose contents do not count, and records them for when their relation grows.
    ///
    /// A crash may keep the name of a new segment without that of the one before it, or that one's
    /// name without its pages. If the growth was recorded they have been removed already. Segments
    /// that the catalog counts are not reported: for them the file before must be restored.
    mutating func nameSevered(_ catalog: Catalog, _ present: PresentFiles) {
        let several = relations(of: catalog) { $0?.capabilities.keepsSegmentFiles == true }
            .filter { present.byNumber[$0.locator.number]?.count ?? 0 > 1 }
        for relation in several.sorted(by: { $0.locator.number < $1.locator.number }) {
            let locator = relation.locator
            for fork in Fork.allCases {
                guard let count = relation.blockCount(of: fork) else { continue }
                // Files that cannot be read are reported where the relation is used.
                let paths = (try? severedSegments(of: locator, fork, count, present)) ?? []
                outcome.severed[locator, default: []] += paths
                for path in paths { report.actions.append(.leftAlone(path: path)) }
            }
        }
    }

    /// The segments of a fork that lie behind `count` blocks.
    ///
    /// - Throws: what reading the files' status throws.
    func severedSegments(
        of locator: RelationLocator, _ fork: Fork, _ count: UInt32, _ present: PresentFiles
    ) throws(StorageError) -> [String] {
        var segments: [UInt32: String] = [:]
        for path in present.byNumber[locator.number] ?? [] {
            let name = path.dropFirst(PresentFiles.directory.utf8.count + 1)
            guard let segment = SegmentName(String(name)), segment.fork == fork else { continue }
            segments[segment.segment] = path
        }
        let last = try lastReachable(segments)
        var found: [String] = []
        for (segment, path) in segments.sorted(by: { $0.key < $1.key })
        where segment > last && blocks(before: segment) >= UInt64(count) {
            // Truncating leaves empty files, which are harmless. Removed ones are gone.
            if try size(of: path) ?? 0 > 0 { found.append(path) }
        }
        return found
    }

    private func blocks(before segment: UInt32) -> UInt64 {
        UInt64(segment) * UInt64(control.segmentBlocks)
    }

    /// The segment that ends the fork: the first one that is not full or has no successor.
    private func lastReachable(_ segments: [UInt32: String]) throws(StorageError) -> UInt32 {
        var segment: UInt32 = 0
        while segment < .max, segments[segment + 1] != nil {
            guard let path = segments[segment], let bytes = try size(of: path),
                UInt64(bytes) / UInt64(blockSize) >= UInt64(control.segmentBlocks)
            else { break }
            segment += 1
        }
        return segment
    }

    /// Returns nil if the path does not name a file.
    private func size(of path: String) throws(StorageError) -> Int64? {
        guard let status = try store.files.status(of: path), status.kind == .file else {
            return nil
        }
        return status.size
    }
}
