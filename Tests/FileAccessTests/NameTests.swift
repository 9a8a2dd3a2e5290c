import AsyncIO
import FileAccess
import StorageTesting
import Testing
import Threads

@Suite struct NameTests {
    @Test func directoriesAndLists() throws {
        let fixture = try Fixture()
        let files = fixture.files
        #expect(try files.list() == [])
        try files.createDirectories("base/1/deep")
        try files.createDirectories("base/1/deep")
        try files.createDirectories(".")
        for name in ["b", "a", "c"] { _ = try files.open("base/1/\(name)", .create) }
        #expect(try files.list("base/1") == ["a", "b", "c", "deep"])
        #expect(try files.list("base") == ["1"])
        #expect(try files.kind(of: "base/1") == .directory)
        #expect(try files.kind(of: "base/1/a") == .file)
        #expect(try files.kind(of: "base/1/none") == nil)
        #expect(try files.kind(of: "base/1/a/none") == nil)
        #expect(try files.exists("base/1/a"))
        #expect(
            failure { () throws(StorageError) in _ = try files.list("none") }?.code == .fileMissing)
        let file = failure { () throws(StorageError) in _ = try files.list("base/1/a") }
        #expect(file?.code == .fileOpenFailed)
        let inTheWay = failure { () throws(StorageError) in
            try files.createDirectories("base/1/a")
        }
        #expect(inTheWay?.code == .directoryChangeFailed)
        #expect(inTheWay?.location.path == "base/1/a")
    }

    /// A listed name stands for the bytes that it was listed from, UTF-8 or not.
    @Test func listedNamesNameTheirFiles() throws {
        let fixture = try Fixture()
        let files = fixture.files
        let names: [[UInt8]] = [
            [0x61], [0x61, 0xFF], [0x61, 0xEF, 0xBF, 0xBD], [0xC3], [0xC3, 0xA9],
            [0xF4, 0x8F, 0xBB, 0xBF], [0xE2, 0x82, 0x31],
        ]
        for name in names {
            let path = Array(fixture.directory.path.utf8) + [0x2F] + name
            let descriptor = unsafe open(
                path.map { CChar(bitPattern: $0) } + [0], O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            #expect(descriptor >= 0)
            _ = unsafe write(descriptor, Array(name), name.count)
            close(descriptor)
        }
        let listed = try files.list()
        #expect(listed.count == names.count && Set(listed).count == names.count)
        for name in listed {
            let size = try files.open(name, .readOnly).size()
            #expect(try files.kind(of: name) == .file && names.contains { $0.count == size })
        }
        try files.rename(listed[1], to: "other")
        #expect(try files.list().count == names.count)
        for name in try files.list() { #expect(try files.remove(name)) }
        #expect(try files.list() == [])
    }

    @Test func createdDirectoriesAreDurable() throws {
        let fixture = try Fixture()
        try fixture.files.createDirectories("a/b")
        #expect(fixture.faults.log == ["sync .", "sync a"])
    }

    @Test func removing() throws {
        let fixture = try Fixture()
        let files = fixture.files
        _ = try files.open("f", .create)
        #expect(try files.remove("f"))
        #expect(try !files.remove("f", ifExists: true))
        #expect(
            failure { () throws(StorageError) in try files.remove("f") }?.code == .fileMissing)
        try files.createDirectories("d/e")
        #expect(
            failure { () throws(StorageError) in try files.remove("d") }?.code
                == .directoryChangeFailed)
        let full = failure { () throws(StorageError) in try files.removeDirectory("d") }
        #expect(full?.code == .directoryChangeFailed)
        #expect(try files.removeDirectory("d/e"))
        #expect(try files.removeDirectory("d"))
        #expect(try !files.removeDirectory("d", ifExists: true))
        #expect(
            failure { () throws(StorageError) in try files.removeDirectory("d") }?.code
                == .fileMissing)
    }

    /// On any error but `fileSyncFailed`, the caller continues with the old file.
    @Test(arguments: ["old", "base/old"]) func renameThatCannotBeSyncedIsNotBegun(target: String)
        throws
    {
        let fixture = try Fixture()
        let files = fixture.files
        try files.createDirectories("base")
        for path in ["new", target] { try files.open(path, .create).writeText(path) }
        for opens in 1...(target == "old" ? 2 : 3) {
            fixture.faults.with {
                $0.faults[.open] = Array(repeating: nil, count: opens - 1) + [ENOMEM]
            }
            let error = failure { () throws(StorageError) in try files.rename("new", to: target) }
            #expect(error?.errorNumber == ENOMEM)
            #expect(!fixture.faults.log.contains { $0.hasPrefix("rename") })
        }
        fixture.faults.with { $0.faults[.sync] = [nil, EIO] }
        let error = failure { () throws(StorageError) in try files.rename("new", to: target) }
        #expect(error?.code == .fileSyncFailed)
        #expect(try !files.exists("new"))
        #expect(fixture.files.statistics.virtualFiles == 0)
        #expect(fixture.files.statistics.kernelDescriptors == 0)
    }

    @Test func renamingIsDurable() throws {
        let fixture = try Fixture()
        let files = fixture.files
        try files.createDirectories("from")
        try files.createDirectories("to")
        try files.open("from/x", .create).writeText("new")
        try files.open("to/y", .create).writeText("old")
        fixture.faults.with { $0.log = [] }
        try files.rename("from/x", to: "to/y")
        #expect(
            fixture.faults.log == ["sync from/x", "rename from/x to/y", "sync to", "sync from"])
        #expect(try files.open("to/y").readText(9) == "new")
        #expect(try files.list("from") == [])
        #expect(
            failure { () throws(StorageError) in try files.rename("none", to: "f") }?.code
                == .fileMissing)
    }

    @Test func failedRenameChangesNothing() throws {
        let fixture = try Fixture()
        let files = fixture.files
        try files.open("x", .create).writeText("new")
        try files.open("y", .create).writeText("old")
        fixture.faults.with { $0.faults[.rename] = [EROFS] }
        let error = failure { () throws(StorageError) in try files.rename("x", to: "y") }
        #expect(error?.code == .directoryChangeFailed)
        #expect(error?.errorNumber == EROFS)
        fixture.faults.with { $0.faults[.sync] = [EIO] }
        let sync = failure { () throws(StorageError) in try files.rename("x", to: "y") }
        #expect(sync?.code == .fileSyncFailed)
        #expect(try files.open("y").readText(9) == "old")
        #expect(try files.open("x").readText(9) == "new")
        #expect(fixture.faults.openCount == 0)
    }

    @Test func directoryThatCannotBeMadeDurable() throws {
        let fixture = try Fixture()
        fixture.faults.with { $0.faults[.sync] = [EIO] }
        let error = failure { () throws(StorageError) in try fixture.files.syncDirectory(".") }
        #expect(error?.code == .fileSyncFailed)
        #expect(error?.location.path == ".")
        #expect(
            failure { () throws(StorageError) in try fixture.files.syncDirectory(".") }?.code
                == .fileSyncFailed)
    }
}

@Suite struct FileKindTests {
    /// A path that is not a file is not taken for one, and opening a pipe does not block.
    @Test func pipesAndDevicesAreNoFiles() throws {
        let fixture = try Fixture()
        #expect(unsafe mkfifo("\(fixture.directory.path)/pipe", 0o600) == 0)
        let device = "\(fixture.directory.path)/device"
        #expect(unsafe symlink("/dev/null", device) == 0)
        for path in ["pipe", "device"] {
            for options: FileOptions in [[], .readOnly, .create, .truncate] {
                let error = failure { () throws(StorageError) in
                    _ = try fixture.files.open(path, options)
                }
                #expect(error?.code == .fileOpenFailed && error?.location.path == path)
                #expect(error?.remedy != nil)
            }
        }
        #expect(fixture.faults.openCount == 0)
    }

    @Test func nothingIsWrittenThroughALink() throws {
        let fixture = try Fixture()
        try fixture.files.open("target", .create).writeText("abc")
        #expect(unsafe symlink("target", "\(fixture.directory.path)/link") == 0)
        let reading = try fixture.files.open("link", .readOnly)
        #expect(try reading.size() == 3)
        for options: FileOptions in [[], .create, .truncate, .buffered] {
            let error = failure { () throws(StorageError) in
                _ = try fixture.files.open("link", options)
            }
            #expect(error?.code == .fileOpenFailed && error?.errorNumber == ELOOP)
            #expect(error?.location.path == "link" && error?.remedy?.contains("link") == true)
        }
        #expect(try fixture.files.open("target", .readOnly).size() == 3)
    }

    @Test func aDirectoryWithoutANameIsNone() throws {
        for path in ["", "a\0b"] {
            let error = failure { () throws(StorageError) in
                _ = try FileAccess(directory: path)
            }
            #expect(error?.code == .invalidPath)
        }
    }
}
