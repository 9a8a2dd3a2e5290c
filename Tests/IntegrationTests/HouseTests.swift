import Foundation
import Testing

/// The rules of the house that neither the compiler nor the formatter checks.
@Suite struct HouseTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The modules that each may import: those below it.
    static let below: [String: Set<String>] = {
        let core: Set = ["Threads", "AsyncIO"]
        let managers = core.union(["StorageManager", "PageFormat"])
        let buffers = managers
        let streams = managers.union(["BufferManager"])
        let strata = streams.union([
            "ReadStream", "MagneticDisk", "CompressedDisk", "MemoryDisk", "FileAccess",
            "RowSchema", "StoreFormat", "Journaling", "PageChecking", "Checkpointing",
            "ToastFormat", "EngineConfiguration", "FreeSpaceMap",
        ])
        let reading = streams.union([
            "PostgresTypes", "ValueText", "RowText", "PageChecking", "ReadStream", "MagneticDisk",
            "FileAccess", "ToastFormat",
        ])
        let catalogs = reading.union(["PostgresReading"])
        let bench = strata.union(["Strata", "RelationLoader", "RowText"])
        return [
            "PostgresTypes": ["ValueText", "RowSchema", "ToastFormat"],
            "PostgresReading": reading,
            "PostgresCatalogs": catalogs,
            "PostgresVerification": catalogs.union(["PostgresCatalogs"]),
            "PostgresCluster": catalogs.union([
                "PostgresCatalogs", "PostgresVerification", "RowSchema",
            ]),
            "PostgresDump": catalogs.union(["PostgresCatalogs", "PostgresCluster"]),
            "PostgresRescue": catalogs.union([
                "PostgresCatalogs", "PostgresVerification", "PostgresCluster", "RowSchema",
            ]),
            "PageInspection": catalogs.union(["PostgresVerification", "PostgresRescue"]),
            "Threads": [], "AsyncIO": ["Threads"], "PageFormat": [],
            "ToastFormat": ["PageFormat"], "RowSchema": ["PageFormat"],
            "ValueText": ["RowSchema"],
            "RowText": ["ValueText", "RowSchema", "ToastFormat", "PageFormat", "Threads"],
            "FileAccess": core,
            "StorageManager": core.union(["PageFormat"]),
            "MagneticDisk": managers.union(["FileAccess"]),
            "MemoryDisk": managers, "RadosDisk": managers.union(["FileAccess"]),
            "RadosStore": strata.union(["Strata", "RadosDisk"]),
            "CompressedDisk": managers.union(["FileAccess"]),
            "BufferManager": buffers.union(["Checkpointing"]), "ReadStream": streams,
            "FreeSpaceMap": streams,
            "EngineConfiguration": streams.union([
                "FileAccess", "RowSchema", "StoreFormat", "Journaling", "Checkpointing",
                "CompressedDisk",
                "MemoryDisk",
            ]),
            "Strata": strata,
            "StoreFormat": managers.union(["FileAccess", "RowSchema"]),
            "Journaling": streams.union(["FileAccess", "StoreFormat"]),
            "PageChecking": buffers.union(["FileAccess", "RowSchema", "ToastFormat"]),
            "Checkpointing": core,
            "StorageTesting": strata, "RelationLoader": strata.union(["Strata", "RowText"]),
            "StoreSimulator": strata.union(["Strata", "StorageTesting"]), "BenchSuite": bench,
            "StrataTool": bench.union([
                "BenchSuite", "StorageTesting", "StoreSimulator", "PostgresCluster", "PostgresDump",
                "PostgresRescue", "PageInspection", "RadosStore",
            ]),
        ]
    }()

    /// What any module may import besides: the language's own modules, the C targets, and packages.
    static let others: Set = [
        "CPlatform", "Synchronization", "Logging", "SystemPackage", "DequeModule",
        "HashTreeCollections",
        "PackageDescription",
    ]

    /// What only some may: the C libraries, and what is too heavy for the rest. None may import
    /// Foundation: loading it takes as long as all else that a short command does.
    static let special: [String: Set<String>] = [
        "Glibc": ["Threads"], "Darwin": ["Threads"],
        "CLiburing": ["AsyncIO", "BenchSuite", "StrataTool"],
        "CZstd": ["CompressedDisk", "RelationLoader", "BenchSuite", "StrataTool"],
        "CRados": ["RadosDisk"], "ArgumentParser": ["StrataTool"],
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

    /// The modules that a line of code imports: at most one.
    static func imported(_ line: Substring) -> Substring? {
        let words = line.split(separator: " ")
        guard let position = words.firstIndex(of: "import"), position <= 2,
            words.count > position + 1, words.first?.hasPrefix("//") == false,
            [
                "import", "public", "internal", "package", "private", "fileprivate",
                "@_exported", "@testable",
            ].contains(words[0])
        else { return nil }
        let isScoped = words[position + 1] == "struct"
        return words[position + (isScoped ? 2 : 1)].prefix { $0 != "." }
    }

    @Test func importsRunDownwards() throws {
        for file in try Self.sources(in: "Sources") {
            let module = Self.module(of: file)
            let allowed = try #require(Self.below[module], "\(module) has no place in the house")
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                guard let name = Self.imported(line).map(String.init) else { continue }
                #expect(
                    allowed.contains(name) || Self.others.contains(name)
                        || Self.special[name]?.contains(module) == true,
                    "\(file.lastPathComponent) in \(module) imports \(name)")
            }
        }
    }

    /// An import is used if the file has a word that the module declares.
    @Test func importsAreUsed() throws {
        var declared: [String: Set<String>] = [:]
        let sources = try HouseSourceTests.all.get()
        for source in sources {
            declared[Self.module(of: source.url), default: []]
                .formUnion(source.declarations().map(\.name))
        }
        for source in sources {
            let imports = source.lines.filter { Self.imported($0) != nil }
            // A file that only passes modules on uses none.
            if imports.contains(where: { $0.contains("@_exported") }) { continue }
            let words = Set(source.words.filter { !$0.contains("import") }.joined())
            // What Threads passes on of the C library is declared there.
            for name in imports.compactMap(Self.imported).map(String.init) where name != "Threads" {
                guard let names = declared[name] else { continue }
                let isUsed = !names.isDisjoint(with: words)
                #expect(isUsed, "\(source.name) does not use its import of \(name)")
            }
        }
    }

    /// What is not declared is not rebuilt when it changes.
    @Test func importsAreDeclared() throws {
        let package = try String(
            contentsOf: Self.root.appending(path: "Package.swift"), encoding: .utf8)
        var declared: [String: Set<String>] = [:]
        let target = /arget\(\s*name: "(\w+)",\s*dependencies: \[([^\]]*)\]/
        for match in package.matches(of: target) {
            declared[String(match.1)] = Set(match.2.matches(of: /"(\w+)"/).map { String($0.1) })
        }
        #expect(declared.count > 30, "targets are recognised")
        for folder in ["Sources", "Tests"] {
            for file in try Self.sources(in: folder) {
                let module = Self.module(of: file)
                guard let dependencies = declared[module] else { continue }
                for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                    guard let name = Self.imported(line).map(String.init),
                        Self.below[name] != nil
                    else { continue }
                    #expect(
                        dependencies.contains(name), "\(module) imports \(name) undeclared")
                }
            }
        }
    }

    /// The benchmark may have any number of cases.
    @Test func modulesStaySmall() throws {
        for (module, files) in Dictionary(
            grouping: try Self.sources(in: "Sources"), by: Self.module)
        where module != "BenchSuite" {
            #expect(files.count <= 50, "\(module) has \(files.count) files")
            let lines = try files.reduce(0) { sum, file in
                try sum + String(contentsOf: file, encoding: .utf8).count { $0 == "\n" }
            }
            #expect(lines <= 6000, "\(module) has \(lines) lines")
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
