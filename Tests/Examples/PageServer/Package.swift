// swift-tools-version: 6.3
import PackageDescription

let package = Package(
    name: "page-server",
    platforms: [.macOS(.v26)],
    dependencies: [
        .package(name: "strata", path: "../../.."),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    ],
    targets: [
        .executableTarget(
            name: "page-server",
            dependencies: [
                .product(name: "Strata", package: "strata"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Sources", swiftSettings: [.swiftLanguageMode(.v6)])
    ]
)
