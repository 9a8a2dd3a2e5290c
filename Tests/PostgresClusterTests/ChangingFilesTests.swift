import FileAccess
import Foundation
import PostgresCluster
import StorageTesting
import Synchronization
import Testing

/// A file system in which something happens each time when the length of one open file was asked
/// for: at opening, before reading, and when it is looked at again.
private final class ChangingFileSystem: ForwardingFileSystem {
    let underlying = KernelFileSystem()
    private let serial: UInt64
    private let looks = Atomic<Int>(0)
    private let change: @Sendable (Int) -> Void

    init(_ path: String, change: @escaping @Sendable (Int) -> Void) throws {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        serial = try #require((attributes[.systemFileNumber] as? NSNumber)?.uint64Value)
        self.change = change
    }

    func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        let result = underlying.status(descriptor, into: &status)
        if status.serial == serial { change(looks.add(1, ordering: .relaxed).newValue) }
        return result
    }
}

/// What a server does to files while they are read.
@Suite("Files that change", .enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct ChangingFilesTests {
    /// Checks a crashed cluster without catalogs, in which `change` is made to the file of 78 pages
    /// when its length has been asked for the given number of times.
    private func verify(
        _ method: TestedMethod, bytes: Int = 78 * 8192, atLook look: Int = 2,
        _ change: @escaping @Sendable (String) -> Void
    ) throws -> Verdict {
        let copy = try ClusterCopy(Clusters.crashed)
        let file = try copy.file("b_bulk")
        let path = "\(copy.data)/\(file)"
        for fork in ["_fsm", "_vm"] { try copy.remove(file + fork) }
        try copy.cut(file, to: bytes)
        let files = try ChangingFileSystem(path) { if $0 == look { change(path) } }
        var options = ClusterVerificationOptions()
        options.usesCatalogs = false
        return try copy.verify(options) {
            $0.fileSystem = files
            $0.ioMethod = method.choice
        }
    }

    @Test("pages that were cut off are passed over", arguments: IOMethodMatrix.all)
    func cutOff(_ method: TestedMethod) throws {
        for pages in [0, 13] {
            let verdict = try verify(method) { _ = truncate($0, off_t(pages * 8192)) }
            #expect(verdict.report.outcome == .clean, "\(verdict)")
            #expect(verdict.report.cutOffPages == UInt64(78 - pages))
        }
    }

    @Test("a file that ends within a page that is being written is looked at again")
    func growing() throws {
        let method = try #require(IOMethodMatrix.all.first)
        let verdict = try verify(method, bytes: 78 * 8192 + 4096, atLook: 3) { path in
            _ = truncate(path, 79 * 8192)
        }
        #expect(verdict.report.outcome == .clean, "\(verdict)")
        #expect(verdict.report.zeroPages > 0)
    }

    @Test("a file that was removed is passed over", arguments: IOMethodMatrix.all)
    func removed(_ method: TestedMethod) throws {
        let verdict = try verify(method) { path in
            _ = truncate(path, 0)
            _ = unlink(path)
        }
        #expect(verdict.report.outcome == .clean, "\(verdict)")
        #expect(verdict.report.cutOffPages == 78)
    }
}
