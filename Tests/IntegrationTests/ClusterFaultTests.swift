import AsyncIO
import Foundation
import StorageTesting
import Testing

/// A store in a cluster whose parts fail. `.ci/rados --faults` runs them: each takes the cluster's
/// daemons down, so nothing else may use it, and these must keep their data on disk.
@Suite(
    "A cluster store's cluster has faults", .serialized,
    .enabled(
        if: ClusterWriter.isThere
            && ProcessInfo.processInfo.environment["STRATA_RADOS_FAULTS"] != nil,
        "STRATA_RADOS_FAULTS is not set; .ci/rados --faults sets it"))
struct ClusterFaultTests {
    enum Fault: String, CaseIterable, Sendable {
        case osdKilled, osdPaused, twoOSDsDown, monitorDown

        /// The arguments of `.ci/rados-cluster` that begin and end it.
        var begin: [String] {
            switch self {
            case .osdKilled: ["kill osd.0"]
            case .osdPaused: ["pause osd.1"]
            case .twoOSDsDown: ["kill osd.0", "kill osd.1"]
            case .monitorDown: ["kill mon.a"]
            }
        }
        var end: [String] {
            switch self {
            case .osdKilled: ["restart osd.0"]
            case .osdPaused: ["resume osd.1"]
            case .twoOSDsDown: ["restart osd.0", "restart osd.1"]
            case .monitorDown: ["restart mon.a"]
            }
        }
    }

    /// Loads, rewritten pages, checkpoints and scans go on through it.
    @Test(arguments: Fault.allCases)
    func onlyDelays(_ fault: Fault) throws {
        let method = TestedMethod(.worker)
        let store = ClusterWriter.newStore()
        var model = StoreModel()
        let writer = try ClusterWriter(store, method, seed: IOMethodMatrix.seed)
        try writer.wait(for: 50)
        for command in fault.begin { try ClusterWriter.cluster(command) }
        sleep(10)
        for command in fault.end { try ClusterWriter.cluster(command) }
        try writer.wait(for: writer.done.count + 200)
        #expect(writer.isRunning, "\(writer.failure ?? "")")
        try writer.kill()
        for line in writer.done {
            let isKnown = model.note(line)
            #expect(isKnown, "\(line)")
        }
        let found = try faults(store, method, &model)
        #expect(found.isEmpty)
    }

    /// What the next writer finds, compared with what was acknowledged.
    private func faults(
        _ store: String, _ method: TestedMethod, _ model: inout StoreModel
    ) throws -> [String] {
        let next = try ClusterWriter(store, method, seed: 1)
        try next.wait(for: 0)
        try next.kill()
        guard let found = next.found else { return ["it did not open: \(next.failure ?? "")"] }
        let (relations, findings) = KillTests.parse(found)
        return model.settle(relations) + findings
    }

    /// A full cluster refuses with a typed error, and dropping makes room.
    @Test func aFullClusterIsEmptied() throws {
        let store = ClusterWriter.newStore()
        let rows = "seq 1 200000"
        let prefix = "--store \(store) --relation"
        for relation in ["a", "b"] {
            let loaded = try ClusterWriter.shell("\(rows) | $strata load - \(prefix) \(relation)")
            #expect(loaded.status == 0, "\(loaded)")
        }
        for ratio in ["nearfull", "backfillfull", "full"] {
            try ClusterWriter.cluster("ceph osd set-\(ratio)-ratio 0.000001")
        }
        defer {
            for (ratio, part) in [("full", 0.95), ("backfillfull", 0.9), ("nearfull", 0.85)] {
                try? ClusterWriter.cluster("ceph osd set-\(ratio)-ratio \(part)")
            }
        }
        var refused: CommandResult?
        for _ in 0..<60 where refused?.status ?? 0 == 0 {
            sleep(1)
            refused = try ClusterWriter.shell(
                "\(rows) | $strata load - \(prefix) c --replace")
        }
        #expect(refused?.errors.contains("space") == true, "\(String(describing: refused))")
        let dropped = try ClusterWriter.shell("exec $strata drop \(prefix) a")
        #expect(dropped.status == 0, "\(dropped)")
        let scanned = try ClusterWriter.shell("$strata scan \(prefix) b | tail -n 1")
        #expect(scanned.output == "200000\n", "\(scanned)")
        let list = try ClusterWriter.shell("exec $strata relations --store \(store)")
        #expect(!list.output.contains("a,"), "\(list)")
    }
}
