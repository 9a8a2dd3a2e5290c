import AsyncIO
import Foundation
import StorageTesting
import Testing

/// The tool on stores and relations in a cluster.
@Suite(
    "The tool in a cluster", .serialized,
    .enabled(if: ClusterWriter.isThere, ClusterWriter.reason))
struct ClusterToolTests {
    /// Runs lines of `sh`, each of which must succeed, in a folder of its own. Returns the output.
    @discardableResult
    private func succeed(_ script: String) throws -> String {
        let result = try ClusterWriter.shell("set -e\n" + script)
        #expect(result.status == 0, "\(script): \(result)")
        return result.output
    }

    private static let rows = "{ echo id,name; seq 1 3000 | sed 's/.*/&,name &/'; }"
    private static let more = "{ echo id,name; seq 3001 3100 | sed 's/.*/&,name &/'; }"

    @Test func rowsComeBack() throws {
        let output = try succeed(
            """
            s=\(ClusterWriter.newStore())
            \(Self.rows) >rows; \(Self.more) >more
            $strata load rows --store $s --relation t
            $strata scan --store $s --relation t | cmp rows -
            $strata load more --store $s --relation t --append
            $strata scan --store $s --relation t | tail -n 100 >tail
            tail -n 100 more | cmp tail -
            $strata copy --store $s --from t --to u
            $strata load rows --store $s --relation t --replace
            $strata drop --store $s --relation u
            $strata verify --store $s
            $strata recover --store $s
            $strata relations --store $s
            """)
        #expect(output.contains("t         3000"), "\(output)")
        #expect(!output.contains("u         3100"), "\(output)")
    }

    @Test func relationsGoBetweenALocalStoreAndACluster() throws {
        try succeed(
            """
            m=\(ClusterWriter.newStore())
            \(Self.rows) >rows
            $strata load rows --store local --relation t
            $strata copy --store local --from t --to there --manager $m
            $strata copy --store local --from there --to back --manager compressed
            $strata scan --store local --relation back | cmp rows -
            $strata load rows --store local --relation there --replace
            $strata relations --store local | grep ^there | grep -F $m
            $strata verify --store local
            $strata drop --store local --relation there
            """)
    }

    /// A cluster that does not answer is waited for once, and the rest of the store can be read.
    @Test func theRestIsThereWithoutTheCluster() throws {
        let result = try ClusterWriter.shell(
            """
            set -e
            \(Self.rows) >rows
            $strata load rows --store local --relation here
            $strata load rows --store local --relation one --manager \(ClusterWriter.newStore())
            $strata load rows --store local --relation two --manager \(ClusterWriter.newStore())
            printf '[global]\\nmon host = [v2:127.0.0.1:9/0]\\n' >away.conf
            export CEPH_CONF=away.conf
            $strata scan --store local --relation here --rados-timeout 2 2>waited | cmp rows -
            grep -c 'does not answer' waited
            grep -c 'has just not answered' waited
            ! $strata scan --store local --relation two --rados-timeout 2 2>refused
            grep 'is not there' refused | tail -n 1 >&2
            """)
        #expect(result.status == 0, "\(result)")
        #expect(result.output.hasSuffix("\n1\n1\n"), "\(result)")
        #expect(result.errors.contains("answer"), "\(result)")
    }

    /// A reader is told of recovery exactly if there is something to recover, which is not so after
    /// each kill: between two changes, all that was acknowledged is in place.
    @Test func aLiveWriterKeepsReadersOut() throws {
        let store = ClusterWriter.newStore()
        var told: Set<Bool> = []
        for seed in 3..<23 where !told.contains(true) {
            let writer = try ClusterWriter(store, TestedMethod(.worker), seed: UInt64(seed))
            try writer.wait(for: 20)
            let refused = try ClusterWriter.shell("exec $strata relations --store \(store)")
            #expect(refused.status == 1 && refused.errors.contains("is in use"), "\(refused)")
            try writer.kill()
            let shown = try ClusterWriter.shell("exec $strata verify --store \(store)")
            #expect(shown.status == 0, "\(shown)")
            // The reader has taken nothing over.
            let recovered = try ClusterWriter.shell("exec $strata recover --store \(store)")
            #expect(recovered.status == 0, "\(recovered)")
            #expect(recovered.errors.contains("taking"), "\(recovered)")
            let isTold = shown.errors.contains("was not closed")
            #expect(
                isTold == !recovered.output.contains("nothing to recover"),
                "\(shown), \(recovered)")
            told.insert(isTold)
        }
        #expect(told.contains(true), "no writer left anything to recover")
    }
}
