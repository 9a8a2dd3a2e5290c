// swift-tools-version: 6.3
import PackageDescription

/// Continuous integration sets `CI`: there a warning stops the build.
let warningsAreErrors = Context.environment["CI"] != nil

let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableExperimentalFeature("Lifetimes"),
    ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

/// Builds the documentation. Only `.ci/documentation` asks for it, so that users of the package
/// need not resolve it.
let documentation: [Package.Dependency] =
    Context.environment["STRATA_DOCUMENTATION"] == nil
    ? [] : [.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0")]

let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")

let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")

let hashTrees: Target.Dependency = .product(
    name: "HashTreeCollections", package: "swift-collections")

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

/// io_uring exists on Linux only; elsewhere the other methods remain.
let liburing: Target.Dependency = .target(
    name: "CLiburing", condition: .when(platforms: [.linux]))

/// Ceph's client library is needed only with `--traits RADOS`.
let rados: Target.Dependency = .target(name: "CRados", condition: .when(traits: ["RADOS"]))

// Each target lists every module that it imports, even those that another brings along: a change
// in a module that is not listed does not rebuild the target.
let modules: [Target] = [
    .target(name: "Threads", dependencies: ["CPlatform"]),
    .target(name: "AsyncIO", dependencies: ["Threads", "CPlatform", deque, liburing, log]),
    .target(name: "PageFormat", dependencies: ["CPlatform"]),
    .target(name: "RowSchema", dependencies: ["PageFormat"]),
    .target(name: "ToastFormat", dependencies: ["PageFormat"]),
    .target(name: "ValueText", dependencies: ["RowSchema"]),
    .target(
        name: "RowText",
        dependencies: ["ValueText", "RowSchema", "ToastFormat", "PageFormat", "Threads", system]),
    .target(name: "FileAccess", dependencies: ["AsyncIO", "CPlatform", log, "Threads", system]),
    .target(
        name: "StorageManager",
        dependencies: ["PageFormat", "AsyncIO", "CPlatform", log, "Threads"]),
    .target(
        name: "MagneticDisk", dependencies: ["StorageManager", "FileAccess", "AsyncIO", "Threads"],
        path: "Sources/StorageManagers/MagneticDisk"),
    .target(
        name: "MemoryDisk", dependencies: ["StorageManager", "AsyncIO", "Threads"],
        path: "Sources/StorageManagers/MemoryDisk"),
    .target(
        name: "CompressedDisk",
        dependencies: [
            "StorageManager", "FileAccess", "AsyncIO", "CPlatform", "CZstd", log, "Threads",
        ],
        path: "Sources/StorageManagers/CompressedDisk"),
    .target(
        name: "RadosDisk",
        dependencies: ["StorageManager", "FileAccess", "AsyncIO", "Threads", rados, log],
        path: "Sources/StorageManagers/RadosDisk"),
    .target(
        name: "BufferManager",
        dependencies: ["StorageManager", "PageFormat", "Checkpointing", "AsyncIO", log, "Threads"]),
    .target(
        name: "ReadStream",
        dependencies: ["BufferManager", "StorageManager", "AsyncIO", "Threads", deque]),
    .target(
        name: "FreeSpaceMap",
        dependencies: ["BufferManager", "StorageManager", "PageFormat", "AsyncIO"]),
    .target(
        name: "PostgresTypes", dependencies: ["ValueText", "RowSchema", "ToastFormat"],
        path: "Sources/PostgresCluster/PostgresTypes"),
    .target(
        name: "PostgresReading",
        dependencies: [
            "PostgresTypes", "ToastFormat", "PageChecking", "ReadStream", "BufferManager",
            "StorageManager", "MagneticDisk", "FileAccess", "PageFormat", "AsyncIO", deque, log,
            "Threads", system,
        ],
        path: "Sources/PostgresCluster/PostgresReading"),
    .target(
        name: "PostgresCatalogs",
        dependencies: [
            "PostgresReading", "PostgresTypes", "StorageManager", "PageFormat", "AsyncIO",
        ],
        path: "Sources/PostgresCluster/PostgresCatalogs"),
    .target(
        name: "PostgresVerification",
        dependencies: [
            "PostgresCatalogs", "PostgresReading", "PostgresTypes", "PageChecking",
            "StorageManager", "FileAccess", "PageFormat", "AsyncIO", "Threads",
        ],
        path: "Sources/PostgresCluster/PostgresVerification"),
    .target(
        name: "PostgresCluster",
        dependencies: [
            "PostgresVerification", "PostgresCatalogs", "PostgresReading", "PostgresTypes",
            "ValueText", "RowSchema", "PageChecking", "ReadStream",
            "BufferManager", "StorageManager", "FileAccess", "PageFormat", "AsyncIO", "Threads",
            system,
        ],
        path: "Sources/PostgresCluster/PostgresCluster"),
    .target(
        name: "PostgresRescue",
        dependencies: [
            "PostgresCluster", "PostgresVerification", "PostgresCatalogs", "PostgresReading",
            "PostgresTypes", "RowSchema", "ValueText", "PageChecking", "StorageManager",
            "FileAccess", "PageFormat", "AsyncIO", "Threads", system,
        ],
        path: "Sources/PostgresCluster/PostgresRescue"),
    .target(
        name: "PageInspection",
        dependencies: [
            "PostgresRescue", "PostgresVerification", "PostgresTypes", "PageFormat",
        ],
        path: "Sources/PostgresCluster/PageInspection"),
    .target(
        name: "PostgresDump",
        dependencies: [
            "PostgresCluster", "PostgresCatalogs", "PostgresReading", "PostgresTypes", "AsyncIO",
        ],
        path: "Sources/PostgresCluster/PostgresDump"),
    .target(
        name: "PageChecking",
        dependencies: [
            "StorageManager", "FileAccess", "RowSchema", "ToastFormat", "PageFormat", "AsyncIO",
            "Threads",
        ]),
    .target(name: "Checkpointing", dependencies: ["AsyncIO", "Threads"]),
    .target(
        name: "StoreFormat",
        dependencies: [
            "StorageManager", "FileAccess", "RowSchema", "PageFormat", "AsyncIO", "Threads",
            hashTrees, system,
        ]),
    .target(
        name: "Journaling",
        dependencies: [
            "StoreFormat", "BufferManager", "StorageManager", "FileAccess", "PageFormat", "AsyncIO",
            "Threads", log,
        ]),
    .target(
        name: "EngineConfiguration",
        dependencies: [
            "Journaling", "Checkpointing", "StoreFormat", "BufferManager", "StorageManager",
            "CompressedDisk", "MemoryDisk", "FileAccess", "RowSchema", "PageFormat", "AsyncIO",
            "Threads", log,
        ]),
    .target(
        name: "Strata",
        dependencies: [
            "EngineConfiguration", "Journaling", "Checkpointing", "PageChecking",
            "StoreFormat", "ToastFormat", "FreeSpaceMap",
            "ReadStream", "BufferManager", "StorageManager", "MagneticDisk", "CompressedDisk",
            "MemoryDisk", "FileAccess", "RowSchema", "PageFormat", "AsyncIO", "CPlatform", log,
            "Threads", deque, system,
        ]),
    .target(
        name: "RelationLoader",
        dependencies: [
            "Strata", "BufferManager", "StorageManager", "RowText", "RowSchema", "ToastFormat",
            "PageFormat", "AsyncIO", "CZstd", "Threads", deque, system,
        ]),
    .target(
        name: "StorageTesting",
        dependencies: ["StorageManager", "FileAccess", "AsyncIO", log, "Threads"]),
    .target(
        name: "StoreSimulator",
        dependencies: [
            "Strata", "StorageTesting", "FreeSpaceMap", "BufferManager", "FileAccess",
            "StorageManager", "PageFormat", "AsyncIO", log, "Threads",
        ]),
    .target(
        name: "BenchSuite",
        dependencies: [
            "RelationLoader", "Strata", "AsyncIO", "CPlatform", "CZstd", "Threads", liburing, log,
        ]),
    .target(
        name: "RadosStore",
        dependencies: ["Strata", "RadosDisk", "StorageManager", "AsyncIO", "Threads", system]),
    .executableTarget(
        name: "StrataTool",
        dependencies: [
            "BenchSuite", "RadosStore", "RelationLoader", "StoreSimulator", "StorageTesting",
            "Strata",
            "PageInspection", "PostgresRescue", "PostgresCluster", "PostgresDump",
            "CompressedDisk",
            "MemoryDisk", "BufferManager", "FileAccess", "StorageManager", "PageFormat", "AsyncIO",
            "CPlatform", "CZstd", liburing, arguments, log, "Threads", system,
        ],
        path: "Sources/StrataTool"),
]

let tests: [Target] = [
    .testTarget(name: "ThreadsTests", dependencies: ["Threads", "StorageTesting"]),
    // Compiles the code in the README and the articles, for which all libraries must be there.
    .testTarget(
        name: "ArticleTests",
        dependencies: [
            "RelationLoader", "Strata", "PostgresRescue", "PostgresCluster", "CompressedDisk",
            "MagneticDisk", "MemoryDisk", "StoreSimulator", "StorageTesting", "Threads",
        ]),
    .testTarget(name: "AsyncIOTests", dependencies: ["AsyncIO", "StorageTesting", log, "Threads"]),
    .testTarget(name: "PageFormatTests", dependencies: ["PageFormat", "Threads"]),
    .testTarget(name: "ToastFormatTests", dependencies: ["ToastFormat", "PageFormat"]),
    .testTarget(name: "RowSchemaTests", dependencies: ["RowSchema"]),
    .testTarget(
        name: "ValueTextTests", dependencies: ["ValueText", "RowSchema", "StorageTesting"]),
    .testTarget(
        name: "RowTextTests",
        dependencies: ["RowText", "RowSchema", "ToastFormat", "PageFormat", "StorageTesting"]),
    .testTarget(
        name: "FileAccessTests",
        dependencies: ["FileAccess", "AsyncIO", "StorageTesting", "Threads"]),
    .testTarget(
        name: "StorageManagerTests",
        dependencies: [
            "StorageManager", "MagneticDisk", "MemoryDisk", "FileAccess", "AsyncIO",
            "StorageTesting", "Threads",
        ]),
    .testTarget(
        name: "MagneticDiskTests",
        dependencies: [
            "MagneticDisk", "FileAccess", "StorageManager", "AsyncIO", "StorageTesting", "Threads",
        ]),
    .testTarget(
        name: "MemoryDiskTests",
        dependencies: ["MemoryDisk", "StorageManager", "AsyncIO", "StorageTesting"]),
    .testTarget(
        name: "RadosDiskTests",
        dependencies: [
            "RadosStore", "RadosDisk", "Strata", "FileAccess", "StorageManager", "AsyncIO",
            "StorageTesting", "Threads", rados, log,
        ]),
    .testTarget(
        name: "CompressedDiskTests",
        dependencies: [
            "CompressedDisk", "FileAccess", "StorageManager", "AsyncIO", "CPlatform",
            "StorageTesting", "Threads",
        ]),
    .testTarget(
        name: "BufferManagerTests",
        dependencies: [
            "BufferManager", "Checkpointing", "MagneticDisk", "FileAccess", "StorageManager",
            "PageFormat",
            "AsyncIO", "StorageTesting", log, "Threads",
        ]),
    .testTarget(
        name: "ReadStreamTests",
        dependencies: [
            "ReadStream", "BufferManager", "MagneticDisk", "FileAccess", "StorageManager",
            "PageFormat", "AsyncIO", "StorageTesting", "Threads",
        ]),
    .testTarget(
        name: "FreeSpaceMapTests",
        dependencies: [
            "FreeSpaceMap", "BufferManager", "MagneticDisk", "FileAccess", "StorageManager",
            "PageFormat", "AsyncIO", "StorageTesting", "Threads",
        ]),
    .testTarget(
        name: "PostgresTypesTests", dependencies: ["PostgresTypes", "ToastFormat"]),
    .testTarget(
        name: "PostgresClusterTests",
        dependencies: [
            "PageInspection", "PostgresDump", "PostgresRescue", "PostgresCluster",
            "PostgresVerification",
            "PostgresCatalogs",
            "PostgresReading", "PostgresTypes", "PageFormat", "FileAccess", "StorageManager",
            "AsyncIO", "CPlatform", "StorageTesting", log,
        ]),
    .testTarget(
        name: "StoreFormatTests",
        dependencies: [
            "StoreFormat", "RowSchema", "StorageManager", "AsyncIO", "Threads", "StorageTesting",
        ]),
    .testTarget(
        name: "JournalingTests",
        dependencies: [
            "Journaling", "StoreFormat", "BufferManager", "StorageManager", "FileAccess", "AsyncIO",
            "StorageTesting", "Threads",
        ]),
    .testTarget(
        name: "StrataTests",
        dependencies: [
            "Strata", "StoreFormat", "MagneticDisk", "CompressedDisk", "MemoryDisk",
            "BufferManager",
            "FileAccess", "StorageManager", "AsyncIO", "StorageTesting", log, "Threads",
        ]),
    .testTarget(
        name: "RelationLoaderTests",
        dependencies: [
            "RelationLoader", "Strata", "CompressedDisk", "MemoryDisk", "BufferManager",
            "FileAccess", "StorageManager", "PageFormat", "AsyncIO", "StorageTesting", "Threads",
            system,
        ]),
    .testTarget(
        name: "StorageTestingTests",
        dependencies: [
            "StorageTesting", "MagneticDisk", "MemoryDisk", "FileAccess", "StorageManager",
            "AsyncIO", log, "Threads",
        ]),
    .testTarget(
        name: "StoreSimulatorTests",
        dependencies: [
            "StoreSimulator", "StorageTesting", "Strata", "BufferManager", "FileAccess",
            "StorageManager", "PageFormat", "AsyncIO", log, "Threads",
        ]),
    .testTarget(
        name: "IntegrationTests",
        dependencies: [
            "PageInspection", "PostgresDump", "PostgresRescue", "PostgresCluster", "PageFormat",
            "RelationLoader", "Strata", "MagneticDisk", "CompressedDisk", "MemoryDisk",
            "BufferManager", "FreeSpaceMap", "FileAccess", "StorageManager", "AsyncIO",
            "StorageTesting", "StrataTool", "CrashClient", "Threads",
        ]),
    .testTarget(
        name: "StrataToolTests",
        dependencies: [
            "StrataTool", "Strata", "FileAccess", "AsyncIO", "StorageTesting", "Threads",
        ]),
    // The integration tests kill it.
    .executableTarget(
        name: "CrashClient",
        dependencies: [
            "RadosStore", "RadosDisk", "Strata", "BufferManager", "PageFormat", "StorageManager",
            "AsyncIO", "StorageTesting", log, "Threads",
        ],
        path: "Tests/CrashClient"),
    // Damages stores of the built tool; `.ci/harm` and the tests below run it.
    .executableTarget(
        name: "Harm",
        dependencies: [
            "Strata", "PageFormat", "AsyncIO", "CPlatform", "StorageTesting", "Threads",
        ],
        path: "Tests/Harm"),
    .testTarget(
        name: "StoreMutationTests",
        dependencies: [
            "StorageTesting", "FileAccess", "AsyncIO", "Threads", "Harm", "StrataTool",
        ]),
    // `.ci/rados` kills, pauses and measures it.
    .executableTarget(
        name: "RadosClient",
        dependencies: ["RadosDisk", "StorageManager", "AsyncIO", "StorageTesting", log],
        path: "Tests/RadosClient"),
    // The fuzzer, which Tests/FuzzTests/Package.swift builds, shares its targets.
    .testTarget(
        name: "FuzzTests",
        dependencies: [
            "RowText", "RowSchema", "Strata", "StoreFormat", "Journaling", "CompressedDisk",
            "EngineConfiguration", "BufferManager", "FileAccess",
            "PostgresTypes", "PageChecking", "StorageManager", "ToastFormat", "PageFormat",
            "AsyncIO",
            "StorageTesting", log,
        ],
        exclude: ["Package.swift", "Fuzzer"]),
]

for target in modules { target.swiftSettings = settings + [.strictMemorySafety()] }
for target in tests { target.swiftSettings = settings }

let package = Package(
    name: "strata",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "Strata", targets: ["Strata"]),
        .library(name: "RelationLoader", targets: ["RelationLoader"]),
        .library(
            name: "PostgresCluster",
            targets: ["PostgresCluster", "PostgresDump", "PostgresRescue", "PageInspection"]),
        .library(name: "StorageTesting", targets: ["StorageTesting"]),
        .library(name: "StoreSimulator", targets: ["StoreSimulator"]),
        .executable(name: "strata", targets: ["StrataTool"]),
    ]
        + [
            "AsyncIO", "PageFormat", "ToastFormat", "RowSchema", "ValueText", "RowText",
            "FileAccess",
            "StorageManager",
            "MagneticDisk",
            "MemoryDisk", "CompressedDisk", "RadosDisk", "RadosStore", "BufferManager",
            "ReadStream",
            "StoreFormat", "Journaling", "Checkpointing", "PageChecking", "EngineConfiguration",
            "FreeSpaceMap",
            "PostgresTypes",
        ].map { .library(name: $0, targets: [$0]) },
    traits: [
        .trait(name: "RADOS", description: "Relations in a Ceph cluster; needs librados-dev.")
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ] + documentation,
    targets: [
        .systemLibrary(
            name: "CLiburing", pkgConfig: "liburing", providers: [.apt(["liburing-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CRados"),
        .target(name: "CPlatform"),
    ] + modules + tests
)
