// swift-tools-version: 6.3
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableExperimentalFeature("Lifetimes"),
]

let strata: Target.Dependency = .product(name: "Strata", package: "strata")

let testing: Target.Dependency = .product(name: "StorageTesting", package: "strata")

/// Only the benchmark needs the rivals' libraries. Those who only want the store, its tests or the
/// crash client set `KV_WITHOUT_RIVALS`.
let rivals: [Target] = [
    .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
    .systemLibrary(name: "CRocksDB", pkgConfig: "rocksdb", providers: [.apt(["librocksdb-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .executableTarget(
        name: "kv-bench",
        dependencies: ["KeyValueStore", strata, "CLMDB", "CRocksDB", "CSQLite"],
        path: "Sources/KVBench", swiftSettings: settings),
]

let package = Package(
    name: "key-value-store",
    platforms: [.macOS(.v26)],
    products: [.library(name: "KeyValueStore", targets: ["KeyValueStore"])],
    dependencies: [.package(name: "strata", path: "../../..")],
    targets: [
        .target(name: "KeyValueStore", dependencies: [strata], swiftSettings: settings),
        .target(
            name: "KeyValueTesting", dependencies: ["KeyValueStore", strata, testing],
            swiftSettings: settings),
        .executableTarget(
            name: "kv-crash-client", dependencies: ["KeyValueStore", "KeyValueTesting", strata],
            path: "Sources/KVCrashClient", swiftSettings: settings),
        .testTarget(
            name: "KeyValueStoreTests",
            dependencies: [
                "KeyValueStore", "KeyValueTesting", "kv-crash-client", strata, testing,
            ],
            swiftSettings: settings),
    ] + (Context.environment["KV_WITHOUT_RIVALS"] == nil ? rivals : [])
)
