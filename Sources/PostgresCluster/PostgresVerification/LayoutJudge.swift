internal import StorageManager

/// Judges the lengths of a relation's files together: with each other, with the map forks, and with
/// what the catalog says.
struct LayoutJudge {
    let relation: RelationFiles
    /// What the catalog says; nil if it was not read, or does not name the relation.
    let known: KnownRelation?
    let coverage: MapCoverage
    let segmentBlocks: Int
    /// Whether a server may be changing the files, or has crashed. Then the map forks on disk may
    /// lag behind, and the catalogs too.
    let mayChange: Bool
    /// Whether the catalogs were read and do not name the relation: it, or its database, may be one
    /// that was being made, moved or dropped.
    let isUnnamed: Bool

    /// Whether the log says that a server cut off or dropped the relation; nil if that is not
    /// known.
    var wasCutOff: Bool?

    /// What is wrong, or cannot be told.
    enum Fault {
        case finding(ClusterFinding)
        case doubt(ClusterDoubt)
    }

    /// What is wrong with the lengths. Without faults if the files are gone.
    func faults(_ layout: RelationLayout) -> [Fault] {
        guard !layout.isEmpty else { return [] }
        let hasInit = layout.bytes[.initialization] != nil
        // A server that starts after a crash makes the other forks anew.
        if mayChange && (hasInit || known?.isUnlogged == true) { return [] }
        let faults = allFaults(layout)
        guard isUnnamed && mayChange else { return faults }
        return faults.map { fault in
            guard case .finding(let finding) = fault else { return fault }
            return .doubt(
                ClusterDoubt(
                    finding.path,
                    "\(finding.reason); no catalog on disk names the relation, so the server may"
                        + " have been making or dropping it, or its database"))
        }
    }

    private func allFaults(_ layout: RelationLayout) -> [Fault] {
        var faults: [Fault] = []
        for fork in Fork.allCases { faults += segmentFaults(fork, layout.bytes[fork] ?? [:]) }
        if layout.bytes[.main]?[0] == nil {
            if layout.bytes[.main] == nil,
                let fork = Fork.allCases.first(where: { layout.bytes[$0] != nil })
            {
                faults.append(
                    .finding(
                        finding(
                            .missing, .main, 0,
                            "it is missing although the relation's fork \(fork.name) exists")))
            }
        } else {
            faults += lengthFaults(layout)
        }
        return faults
    }

    private func finding(
        _ kind: ClusterFinding.Kind, _ fork: Fork, _ segment: UInt32, _ reason: String
    ) -> ClusterFinding {
        ClusterFinding(
            kind, relation.path(fork, segment), owner: known?.owner, fork: fork, reason)
    }

    /// Every segment before the last one that is not empty must be there and full.
    private func segmentFaults(_ fork: Fork, _ segments: [UInt32: Int64]) -> [Fault] {
        guard let last = segments.filter({ $0.value > 0 }).keys.max(), last > 0 else { return [] }
        var faults: [Fault] = []
        var next: UInt32 = 0
        let present = segments.keys.filter { $0 <= last }.sorted()
        for segment in present {
            if segment > next {
                let more = segment - next > 1 ? ", and \(segment - next - 1) after it" : ""
                faults.append(
                    .finding(
                        finding(
                            .missing, fork, next,
                            "it is missing\(more) although segment \(last) exists")))
            }
            next = segment + 1
            let blocks = (segments[segment] ?? 0) / Int64(blockSize)
            if segment < last, blocks < Int64(segmentBlocks) {
                faults.append(
                    .finding(
                        finding(
                            .wrongLength, fork, segment,
                            "it has \(blocks) of a segment's \(segmentBlocks) blocks although"
                                + " segment \(last) exists")))
            }
        }
        return faults
    }

    private func lengthFaults(_ layout: RelationLayout) -> [Fault] {
        let blocks = layout.blocks(.main, segmentBlocks: segmentBlocks)
        let has = "it has \(blocks == 1 ? "1 block" : "\(blocks) blocks"), but"
        let mapPages = layout.blocks(.visibilityMap, segmentBlocks: segmentBlocks)
        let least = MapCoverage.leastBlocks(visibilityPages: mapPages)
        if least > blocks {
            return [
                .finding(
                    finding(
                        .wrongLength, .main, 0,
                        "\(has) its visibility map has pages for \(least) or more"))
            ]
        }
        // A map that has gone since it was read tells nothing.
        if coverage.byVisibility > blocks && mapPages > 0 {
            let reason = "\(has) its visibility map tells of \(coverage.byVisibility)"
            if !mayChange || wasCutOff == false {
                return [.finding(finding(.wrongLength, .main, 0, reason))]
            }
            if wasCutOff == true { return [] }
            return [doubt("\(reason); a server may have cut it off since its last checkpoint")]
        }
        if mayChange { return emptyFaults(blocks, has) }
        let estimate = UInt64(max(0, known?.estimatedPages ?? 0))
        if known?.hasPages == true && blocks == 0 {
            return [
                .finding(
                    finding(
                        .wrongLength, .main, 0,
                        "it is empty, which an index or a sequence never is"))
            ]
        }
        // Neither the free space map nor the estimate survives every crash.
        if coverage.byFreeSpace > blocks {
            let reason = "\(has) its free space map tells of \(coverage.byFreeSpace)"
            if estimate > blocks {
                return [
                    .finding(
                        finding(
                            .wrongLength, .main, 0,
                            "\(reason), and the catalog of \(estimate)"))
                ]
            }
            return [doubt("\(reason); it may be of the time before a crash")]
        }
        if blocks == 0 && estimate > 0 {
            return [doubt("\(has) the catalog tells of \(estimate), as of the last VACUUM")]
        }
        return []
    }

    /// What is wrong with a file that is empty while a server may be changing it. One that was
    /// dropped since the last checkpoint is.
    private func emptyFaults(_ blocks: UInt64, _ has: String) -> [Fault] {
        guard blocks == 0, wasCutOff != true, let known else { return [] }
        if known.hasPages {
            let reason = "it is empty, which an index or a sequence never is"
            if wasCutOff == false { return [.finding(finding(.wrongLength, .main, 0, reason))] }
            return [doubt("\(reason); a server may have dropped it since its last checkpoint")]
        }
        guard known.estimatedPages > 0 else { return [] }
        return [doubt("\(has) the catalog tells of \(known.estimatedPages), as of the last VACUUM")]
    }

    private func doubt(_ reason: String) -> Fault {
        .doubt(ClusterDoubt(relation.path, owner: known?.owner, reason))
    }
}
