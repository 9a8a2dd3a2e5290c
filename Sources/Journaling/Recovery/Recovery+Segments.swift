internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import StoreFormat

/// Segment files after one that is missing or not full.
extension Recovery {
    /// Reports those whose contents do not count, and records them for when their relation grows.
    ///
    /// A crash may keep the name of a new segment without that of the one before it, or that one's
    /// name without its pages. If the growth was recorded they have been removed already. Segments
    /// that the catalog counts are not reported: for them the file before must be restored.
    mutating func nameSevered(_ catalog: Catalog, _ present: PresentFiles) {
        if present.byNumber.values.allSatisfy({ $0.count < 2 }) { return }
        let several = catalog.relations {
            managers.manager(named: $0)?.manager.capabilities.keepsSegmentFiles == true
        }.filter { present.byNumber[$0.locator.number]?.count ?? 0 > 1 }
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
    func severedSegments(
        of locator: RelationLocator, _ fork: Fork, _ count: UInt32, _ present: PresentFiles
    ) throws(StorageError) -> [String] {
        try present.severedSegments(
            of: locator, fork, behind: count, segmentBlocks: control.segmentBlocks, store.files)
    }
}
