import Foundation
import Testing

/// The rules of the house that neither the compiler nor the formatter checks.
@Suite struct HouseTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The modules that each may import: those below it.
    static let below: [String: Set<String>] = {
        let core: Set = ["Threads", "AsyncIO"]
        let managers = core.union(["StorageManager"])
        let buffers = managers.union(["PageFormat"])
        let streams = managers.union(["BufferManager", "PageFormat"])
        let strata = streams.union([
            "ReadStream", "MagneticDisk", "CompressedDisk", "MemoryDisk", "FileAccess",
            "RowSchema",
        ])
        let reading = streams.union([
            "PostgresTypes", "RowText", "ReadStream", "MagneticDisk", "FileAccess",
        ])
        let catalogs = reading.union(["PostgresReading"])
        let bench = strata.union(["Strata", "RelationLoader", "RowText"])
        return [
            "PostgresTypes": ["RowText"], "PostgresReading": reading, "PostgresCatalogs": catalogs,
            "PostgresCluster": catalogs.union(["PostgresCatalogs"]),
            "Threads": [], "AsyncIO": ["Threads"], "PageFormat": [],
            "RowSchema": ["PageFormat"], "RowText": ["RowSchema", "PageFormat", "Threads"],
            "FileAccess": core,
            "StorageManager": core, "MagneticDisk": managers.union(["FileAccess"]),
            "MemoryDisk": managers, "RadosDisk": managers,
            "CompressedDisk": managers.union(["FileAccess"]),
            "BufferManager": buffers, "ReadStream": streams, "Strata": strata,
            "StorageTesting": strata, "RelationLoader": strata.union(["Strata", "RowText"]),
            "StoreSimulator": strata.union(["Strata", "StorageTesting"]), "BenchSuite": bench,
            "StrataTool": bench.union([
                "BenchSuite", "StorageTesting", "StoreSimulator", "PostgresCluster",
            ]),
        ]
    }()

    /// What any module may import besides: the language's own modules, the C targets, and packages.
    static let others: Set = [
        "CPlatform", "CLiburing", "CRados", "CZstd", "Glibc", "Darwin", "Synchronization",
        "Logging",
        "ArgumentParser", "SystemPackage", "Foundation", "PackageDescription",
    ]

    static func sources(in folder: String) throws -> [URL] {
        let all = try #require(
            FileManager.default.enumerator(
                at: root.appending(path: folder), includingPropertiesForKeys: nil,
                options: .skipsHiddenFiles))
        return all.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
    }

    /// The folders that hold a target each in folders of their own.
    static let foldersOfTargets: Set<Substring> = ["StorageManagers", "PostgresCluster"]

    static func module(of file: URL) -> String {
        let parts = file.path.dropFirst(root.path.count + 1).split(separator: "/")
        return String(foldersOfTargets.contains(parts[1]) ? parts[2] : parts[1])
    }

    @Test func importsRunDownwards() throws {
        for file in try Self.sources(in: "Sources") {
            let module = Self.module(of: file)
            let allowed = try #require(Self.below[module], "\(module) has no place in the house")
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                let words = line.split(separator: " ")
                guard let position = words.firstIndex(of: "import"), position <= 2,
                    words.count > position + 1, words.first?.hasPrefix("//") == false,
                    [
                        "import", "public", "internal", "package", "private", "fileprivate",
                        "@_exported", "@testable",
                    ].contains(words[0])
                else { continue }
                let isScoped = words[position + 1] == "struct"
                let path = words[position + (isScoped ? 2 : 1)]
                let name = String(path.prefix { $0 != "." })
                #expect(
                    allowed.contains(name) || Self.others.contains(name),
                    "\(file.lastPathComponent) in \(module) imports \(name)")
                if name == "Foundation" {
                    #expect(
                        ["RelationLoader", "StrataTool"].contains(module),
                        "\(module) stays without Foundation")
                }
            }
        }
    }

    @Test func filesStayShort() throws {
        for folder in ["Sources", "Tests"] {
            for file in try Self.sources(in: folder) {
                let text = try String(contentsOf: file, encoding: .utf8)
                let lines = text.split(separator: "\n", omittingEmptySubsequences: false).count
                #expect(lines <= 400, "\(file.lastPathComponent) has \(lines) lines")
            }
        }
    }

    @Test func topLevelHoldsWhatBelongsThere() throws {
        let allowed: Set = ["Package.swift", "README.md", "Fixtures", "Sources", "Tests"]
        let found = try FileManager.default.contentsOfDirectory(atPath: Self.root.path)
            .filter { !$0.hasPrefix(".") && $0 != "Package.resolved" }
        #expect(Set(found).subtracting(allowed).isEmpty)
    }

    @Test func everyModuleOfMoreThanFiveFilesHasItsArticle() throws {
        let byModule = Dictionary(grouping: try Self.sources(in: "Sources"), by: Self.module)
        for (module, files) in byModule where files.count > 5 && module != "StrataTool" {
            // The last folder of that name: one of targets may have it too.
            let path = files[0].path
            let end = try #require(path.range(of: "/\(module)/", options: .backwards)).upperBound
            #expect(
                FileManager.default.fileExists(
                    atPath: "\(path[..<end])\(module).docc/\(module).md"),
                "\(module) has no article")
        }
    }
}
