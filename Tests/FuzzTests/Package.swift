// swift-tools-version: 6.3
import PackageDescription

// The fuzzer, kept out of the package's own build: it needs every module instrumented.
// `.ci/fuzz` in the root builds and runs it.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

let modules: [Target.Dependency] = [
    "AsyncIO", "BufferManager", "CompressedDisk", "EngineConfiguration", "FileAccess", "Journaling",
    "PageChecking", "PageFormat", "PostgresTypes", "RowSchema", "RowText", "StorageManager",
    "StorageTesting", "StoreFormat", "Strata", "ToastFormat",
].map { .product(name: $0, package: "strata") }

let package = Package(
    name: "fuzzer",
    platforms: [.macOS(.v26)],
    dependencies: [.package(name: "strata", path: "../..")],
    targets: [
        .target(
            name: "FuzzTargets", dependencies: modules, path: "Targets", swiftSettings: settings),
        .executableTarget(
            name: "fuzzer", dependencies: ["FuzzTargets"], path: "Fuzzer",
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]),
    ]
)
