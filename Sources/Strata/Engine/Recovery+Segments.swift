internal import FileAccess

extension Recovery {
    /// Removes segment files behind a missing one, where what they hold is nothing that counts.
    ///
    /// A crash may keep the name of a new segment and not that of the one before it. Such a file
    /// would stand in the way when the relation grows. Those that the catalog counts stay: there it
    /// is the missing file that must be restored.
    mutating func removeSevered(in directory: String, _ catalog: Catalog) throws(StorageError) {
        var segments: [Key: Set<UInt32>] = [:]
        for name in try store.files.list(directory) {
            guard let segment = SegmentName(name) else { continue }
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
                for segment in severed(present, countedBlocks: count) {
                    let path = "\(directory)/\(key.number)\(fork.suffix).\(segment)"
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

    private func severed(_ present: Set<UInt32>, countedBlocks: UInt32) -> [UInt32] {
        var first: UInt32 = 0
        while present.contains(first) { first += 1 }
        let size = UInt64(control.segmentBlocks)
        return present.filter { $0 > first && UInt64($0) * size >= UInt64(countedBlocks) }.sorted()
    }
}
