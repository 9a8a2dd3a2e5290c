import RelationLoader
import StorageTesting
import Strata

/// Tests of one store in a directory of their own.
protocol StoreTests {
    var directory: TemporaryDirectory { get }
}

extension StoreTests {
    func open(_ method: TestedMethod, pages: Int = 256) throws -> Engine {
        var options = EngineOptions()
        options.ioMethod = method.choice
        options.poolBytes = pages * 8192
        options.maximumSessions = 4
        options.createdSegmentBlocks = 32
        return try Engine.open("\(directory.path)/store", options: options)
    }

    func scan(
        _ engine: Engine, _ name: String, _ change: (inout ScanOptions) -> Void = { _ in }
    ) throws -> (text: String, summary: ScanSummary) {
        var options = ScanOptions()
        change(&options)
        let path = "\(directory.path)/scan-\(UInt64.random(in: 0...UInt64.max))"
        let summary = try RelationLoader.scan(
            try engine.relation(named: name), to: try DescriptorOutput(creating: path),
            options: options)
        return (try text(of: path), summary)
    }

    func text(of path: String) throws -> String {
        let source = try FileSource(path: path)
        var bytes: [UInt8] = []
        while true {
            let chunk = try [UInt8](capacity: 65536) { span throws(LoadError) in
                _ = try source.read(into: &span)
            }
            if chunk.isEmpty { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk
        }
    }
}
