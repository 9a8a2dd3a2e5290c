internal import FileAccess

extension Recovery {
    /// Removes segment files behind one that is missing or not full, where what they hold is
    /// nothing that counts.
    ///
    /// A crash may keep the name of a new segment and not that of the one before it, or that one's
    /// name and not its pages. Such a file would stand in the way when the relation grows. Those
    /// that the catalog counts stay: there it is the file before that must be restored.
    mutating func removeSevered(in directory: String, _ catalog: Catalog) throws(StorageError) {
        var segments: [Key: Set<UInt32>] = [:]
        for name in try store.files.list(directory) {
            guard let segment = SegmentName(name), segment.segment > 0 else { continue }
            segments[Key(number: segment.number, fork: segment.fork), default: []]
                .insert(segment.segment)
        }
        let plain = catalog.relations.values.filter {
            $0.managerName == Engine.defaultManagerName
        }
        for relation in plain.sorted(by: { $0.locator.number < $1.locator.number }) {
            for fork in Fork.allCases {
                let key = Key(number: relation.locator.number, fork: fork)
                guard let present = segments[key], let count = relation.blockCount(of: fork)
                else { continue }
                let stem = "\(directory)/\(key.number)\(fork.suffix)"
                let last = try lastReachable(stem, present)
                for segment in present.sorted()
                where segment > last && blocks(before: segment) >= UInt64(count) {
                    let path = "\(stem).\(segment)"
                    // Truncating leaves empty files, which are in nobody's way.
                    guard try size(of: path) ?? 0 > 0 else { continue }
                    try store.files.remove(path, ifExists: true)
                    report.actions.append(.removedFile(path: path))
                }
            }
        }
    }

    private struct Key: Hashable {
        let number: UInt32
        let fork: Fork
    }

    private func blocks(before segment: UInt32) -> UInt64 {
        UInt64(segment) * UInt64(control.segmentBlocks)
    }

    /// The segment that ends the fork: the first one that is not full or has none behind it.
    private func lastReachable(
        _ stem: String, _ present: Set<UInt32>
    ) throws(StorageError) -> UInt32 {
        var segment: UInt32 = 0
        while present.contains(segment + 1) {
            let size = try size(of: segment == 0 ? stem : "\(stem).\(segment)") ?? 0
            if UInt64(size) / UInt64(blockSize) < UInt64(control.segmentBlocks) { break }
            segment += 1
        }
        return segment
    }

    /// Nil for what is not a file.
    private func size(of path: String) throws(StorageError) -> Int64? {
        guard try store.files.kind(of: path) == .file else { return nil }
        let file = try store.files.open(path, [.readOnly, .buffered])
        defer { file.close(session) }
        return try file.size()
    }
}
