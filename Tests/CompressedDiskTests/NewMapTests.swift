import AsyncIO
import FileAccess
import Foundation
import StorageManager
import StorageTesting
import Testing

@testable import CompressedDisk

/// The file that replaces a map is made where nothing of someone else is.
@Suite("The name of a new map") struct NewMapTests {
    private static let names = [RealStore.map + ".new", RealStore.map + ".new.1"]
    private let directory = TemporaryDirectory()

    private var files: Harm { Harm(path: directory.path) }

    private func path(_ name: String) -> String { directory.path + "/" + name }

    private func isThere(_ name: String) -> Bool {
        (try? FileManager.default.attributesOfItem(atPath: path(name))) != nil
    }

    /// What stands at a name: its kind and, of a file, the bytes.
    private func contents(_ name: String) throws -> [String] {
        let kind = try FileManager.default.attributesOfItem(atPath: path(name))[.type]
        let type = try #require(kind as? FileAttributeType)
        return [type.rawValue, type == .typeRegular ? "\(try files.bytes(name))" : ""]
    }

    /// Makes the map begin anew, since one of its copies is damaged.
    private func replaceMap(_ method: TestedMethod) throws {
        try files.change(RealStore.map) { $0[8] ^= 1 }
        try RealStore.with(directory.path, method) { store in
            try store.write(0)
            try store.manager.syncPending(store.session)
        }
        try RealStore.with(directory.path, method) { store in
            let findings = try store.check()
            #expect(findings.isEmpty)
        }
    }

    /// What may stand there that no crash of this store has left.
    private func put(_ kind: String, at name: String) throws {
        switch kind {
        case "page": try files.set(name, [UInt8](repeating: 7, count: 8192))
        case "zero page": try files.set(name, [UInt8](repeating: 0, count: 8192))
        case "map of another fork":
            var bytes = try files.bytes(RealStore.map)
            bytes[7] = 1
            try files.set(name, bytes)
        case "directory":
            try FileManager.default.createDirectory(
                atPath: path(name), withIntermediateDirectories: false)
        default:
            try FileManager.default.createSymbolicLink(
                atPath: path(name), withDestinationPath: "elsewhere")
        }
    }

    /// A map without a data file may be all that is left of another fork.
    @Test(arguments: [EMFILE, ENOMEM, EEXIST])
    func creatingAForkRemovesNoMapThatItDidNotMake(_ errorNumber: CInt) throws {
        let method = TestedMethod(.synchronous)
        try RealStore.make(directory.path, method, blocks: 20)
        let bytes = try files.bytes(RealStore.map)
        try FileManager.default.removeItem(atPath: path(RealStore.chunks))
        let refusing = MapRefusingFiles(errorNumber)
        let configure = { (all: inout FileAccessConfiguration) in all.fileSystem = refusing }
        try RealStore.with(directory.path, method, configure: configure) { store in
            let error = RealStore.error {
                try store.storage.create(.main, ifMissing: false)
            }
            #expect(error?.errorNumber == errorNumber, "\(String(describing: error))")
        }
        #expect(try files.bytes(RealStore.map) == bytes)
        #expect(!isThere(RealStore.chunks))
    }

    @Test(
        arguments: IOMethodMatrix.real,
        ["page", "zero page", "map of another fork", "directory", "link"])
    func somethingElseIsKept(_ method: TestedMethod, _ kind: String) throws {
        try RealStore.make(directory.path, method, blocks: 20)
        try put(kind, at: Self.names[0])
        let before = try contents(Self.names[0])
        try replaceMap(method)
        let after = try contents(Self.names[0])
        #expect(after == before)

        try put(kind, at: Self.names[1])
        let error = RealStore.error { try replaceMap(method) }
        #expect(error?.code == .fileExists && error?.location.path == Self.names[0])
        for name in Self.names {
            try FileManager.default.removeItem(atPath: path(name))
        }
        try replaceMap(method)
    }

    @Test(arguments: IOMethodMatrix.real) func remainsOfACrashGo(_ method: TestedMethod) throws {
        try RealStore.make(directory.path, method, blocks: 20)
        let map = try files.bytes(RealStore.map)
        for length in [0, 3, 4, 15, 16, 100, map.count] {
            try files.set(Self.names[0], Array(map.prefix(length)))
            try replaceMap(method)
            #expect(!isThere(Self.names[0]), "\(length) bytes")
        }
        try files.set(Self.names[0], [UInt8](repeating: 0, count: map.count))
        try replaceMap(method)
        #expect(!isThere(Self.names[0]), "zeroes")
    }
}

/// The kernel's file system, which makes no map.
private final class MapRefusingFiles: ForwardingFileSystem {
    let underlying = KernelFileSystem()
    private let errorNumber: CInt

    init(_ errorNumber: CInt) { self.errorNumber = errorNumber }

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        flags.contains(.exclusive) && path == RealStore.map
            ? -errorNumber : underlying.open(path, in: root, flags)
    }
}
