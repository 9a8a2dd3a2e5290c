import CPlatform
import Foundation
import PostgresCluster
import StorageTesting
import Testing

/// A copy of a fixture, to damage.
struct ClusterCopy {
    let directory: TemporaryDirectory
    let version: Int
    /// The data directory.
    var data: String { directory.path + "/data" }
    /// The tablespace that a link of the data directory leads to.
    var space: String { directory.path + "/tblspc" }

    /// Copies a fixture. They lack the folder of `template0`, which equals that of `template1`.
    ///
    /// The files are links to the fixture's own until they are changed.
    init(_ cluster: Clusters.Cluster) throws {
        directory = TemporaryDirectory()
        version = cluster.version
        let source = Clusters.folder(cluster.name).path
        let script = """
            cp -al '\(source)/data' '\(source)/tblspc' '\(directory.path)' &&
                cp -al '\(directory.path)/data/base/1' '\(directory.path)/data/base/4'
            """
        try #require(Clusters.run(["-c", script]) == 0)
    }

    /// Makes a file the copy's own, with these bytes.
    private func replace(_ file: String, _ bytes: Data) throws {
        try bytes.write(to: URL(filePath: "\(data)/\(file)"), options: .atomic)
    }

    /// The first file of a table of database `app`, relative to the data directory.
    func file(_ table: String) throws -> String {
        let cluster = try Clusters.open(data)
        defer { try? cluster.close() }
        let database = try cluster.database(named: "app")
        return try #require(try database.table(TableName(table)).file)
    }

    func bytes(_ file: String) throws -> Data {
        try Data(contentsOf: URL(filePath: "\(data)/\(file)"))
    }

    func change(_ file: String, _ body: (FileHandle) throws -> Void) throws {
        try replace(file, try bytes(file))
        let handle = try FileHandle(forUpdating: URL(filePath: "\(data)/\(file)"))
        try body(handle)
        try handle.close()
    }

    func write(_ file: String, _ bytes: [UInt8]) throws {
        let folder = URL(filePath: "\(data)/\(file)").deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try replace(file, Data(bytes))
    }

    func remove(_ file: String) throws {
        try FileManager.default.removeItem(atPath: "\(data)/\(file)")
    }

    func cut(_ file: String, to bytes: Int) throws {
        try change(file) { try $0.truncate(atOffset: UInt64(bytes)) }
    }

    func page(_ file: String, _ block: Int) throws -> Data {
        let handle = try FileHandle(forReadingFrom: URL(filePath: "\(data)/\(file)"))
        defer { try? handle.close() }
        try handle.seek(toOffset: UInt64(block * 8192))
        return try #require(try handle.read(upToCount: 8192))
    }

    func write(_ file: String, block: Int, _ bytes: Data, at offset: Int = 0) throws {
        try change(file) { handle in
            try handle.seek(toOffset: UInt64(block * 8192 + offset))
            try handle.write(contentsOf: bytes)
        }
    }

    /// Makes the cluster one without checksums.
    func removeChecksums() throws {
        try changeControl { bytes in
            for byte in 252..<256 { bytes[byte] = 0 }
        }
    }

    /// Changes the control file, and gives it a right checksum.
    func changeControl(_ change: (inout [UInt8]) -> Void) throws {
        var bytes = [UInt8](try self.bytes("global/pg_control"))
        change(&bytes)
        let sumOffset = version >= 18 ? 292 : 288
        let sum = unsafe bytes.withUnsafeBytes {
            unsafe strata_crc32c(0, $0.baseAddress, sumOffset)
        }
        for byte in 0..<4 {
            bytes[sumOffset + byte] = UInt8(truncatingIfNeeded: sum >> (8 * byte))
        }
        try replace("global/pg_control", Data(bytes))
    }

    /// Makes the cluster one that never had checksums.
    func removeAllChecksums() throws {
        try removeChecksums()
        for folder in ["global", "base/1", "base/4", "base/5", "base/16384"] {
            let names = try FileManager.default.contentsOfDirectory(atPath: "\(data)/\(folder)")
            for name in names where name.first?.isNumber == true {
                var bytes = [UInt8](try self.bytes("\(folder)/\(name)"))
                for page in stride(from: 0, to: bytes.count - 8191, by: 8192) {
                    bytes[page + 8] = 0
                    bytes[page + 9] = 0
                }
                try replace("\(folder)/\(name)", Data(bytes))
            }
        }
    }

    /// Checks the copy.
    func verify(
        _ options: ClusterVerificationOptions = ClusterVerificationOptions(),
        _ change: (inout PostgresOptions) -> Void = { _ in }
    ) throws -> Verdict {
        var settings = PostgresOptions()
        settings.poolBytes = 4 << 20
        settings.toleratesDamagedControl = true
        change(&settings)
        let cluster = try DataDirectory.open(data, options: settings)
        let session = try cluster.makeSession()
        var verdict = Verdict()
        var observer = ClusterObserver()
        observer.finding = { verdict.findings.append($0) }
        observer.file = { verdict.files.append($0) }
        observer.doubt = { verdict.doubts.append($0) }
        verdict.report = try cluster.verify(
            options: options, session: session, observer: observer)
        session.close()
        try cluster.close()
        return verdict
    }

    func verifyDeeply() throws -> Verdict {
        var options = ClusterVerificationOptions()
        options.isDeep = true
        return try verify(options)
    }

    func verifyFilesAlone() throws -> Verdict {
        var options = ClusterVerificationOptions()
        options.usesCatalogs = false
        return try verify(options)
    }
}

/// What a check said.
struct Verdict: CustomStringConvertible {
    var report = ClusterReport()
    var findings: [ClusterFinding] = []
    var files: [FileVerdict] = []
    var doubts: [ClusterDoubt] = []

    /// The paths with findings of a kind.
    func paths(_ kind: ClusterFinding.Kind) -> [String] {
        findings.filter { $0.kind == kind }.map(\.path)
    }

    var description: String {
        (findings.map(\.description) + doubts.map(\.description)).joined(separator: "\n")
    }
}
