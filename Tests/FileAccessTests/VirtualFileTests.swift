import AsyncIO
import FileAccess
import StorageTesting
import Synchronization
import Testing
import Threads

@Suite struct VirtualFileTests {
    @Test(arguments: [1, 4, 32])
    func moreFilesThanDescriptors(limit: Int) throws {
        let fixture = try Fixture(limit: limit)
        let open = try (0..<300).map { try fixture.files.open("f\($0)", .create) }
        for round in 0..<2 {
            for (number, file) in open.enumerated() {
                try file.writeText("\(round):\(number)  ")
            }
            for (number, file) in open.enumerated().reversed() {
                #expect(try file.readText(5).hasPrefix("\(round):\(number)"))
            }
        }
        let statistics = fixture.files.statistics
        #expect(statistics.virtualFiles == 300)
        #expect(statistics.kernelDescriptors == limit)
        #expect(fixture.faults.openCount == limit)
        #expect(statistics.evictions >= 300)
        #expect(statistics.overruns == 0)
    }

    @Test func oneFileOpenInManyThreadsUnderEviction() throws {
        let fixture = try Fixture(limit: 4)
        let files = try fixture.makeNamedFiles(40)
        let wrong = Atomic<Int>(0)
        try TestThreads.run(8) { thread in
            for step in 0..<1000 {
                let number = (step * 7 + thread * step) % files.count
                let text = try? files[number].readText(8)
                if text != "f\(number)" { wrong.add(1, ordering: .relaxed) }
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
        // One more use closes what was opened beyond the limit while all were lent.
        for file in files { _ = try file.size() }
        #expect(fixture.files.statistics.kernelDescriptors <= 4)
        #expect(fixture.faults.openCount == fixture.files.statistics.kernelDescriptors)
    }

    @Test func recentlyUsedFilesStayOpen() throws {
        let fixture = try Fixture(limit: 4)
        let files = try fixture.makeNamedFiles(20)
        let before = fixture.files.statistics.opens
        for file in files[1...] {
            _ = try files[0].size()
            _ = try file.size()
        }
        let openings = fixture.files.statistics.opens - before
        // Each of the others is opened once, and the one in steady use hardly ever again.
        #expect(openings < 19 + 10)
    }

    @Test func lentDescriptorIsNotEvicted() throws {
        let fixture = try Fixture(limit: 1)
        let files = try fixture.makeNamedFiles(3)
        let lent = try files[0].lend()
        #expect(try files[1].readText(8) == "f1")
        #expect(try files[2].readText(8) == "f2")
        #expect(files[0].descriptorForReopen() == lent.number)
        #expect(fixture.files.statistics.overruns > 0)
        let stillOpen = fixture.faults.with { $0.openDescriptors[lent.number] }
        #expect(stillOpen == "f0")
        files[0].takeBack(token: 0)
        _ = try files[1].size()
        _ = try files[2].size()
        #expect(fixture.files.statistics.kernelDescriptors == 1)
    }

    @Test func overrunEndsWithTheLastLend() throws {
        let fixture = try Fixture(limit: 2)
        let files = try fixture.makeNamedFiles(6)
        for file in files { _ = try file.lend() }
        #expect(fixture.faults.openCount == 6)
        #expect(fixture.files.statistics.overruns == 4)
        for file in files { file.takeBack(token: 0) }
        #expect(fixture.faults.openCount == 2)
        #expect(fixture.files.statistics.kernelDescriptors == 2)
    }

    @Test func kernelLimitBelowConfiguredOne() throws {
        let fixture = try Fixture(limit: 100)
        fixture.faults.with { $0.descriptorLimit = 3 }
        let files = try fixture.makeNamedFiles(20)
        for (number, file) in files.enumerated() {
            #expect(try file.readText(8) == "f\(number)")
        }
        #expect(fixture.faults.openCount == 3)
    }

    @Test func allDescriptorsLentIsATypedError() throws {
        let fixture = try Fixture(limit: 2)
        let files = try fixture.makeNamedFiles(4)
        fixture.faults.with { $0.descriptorLimit = 3 }
        for file in files[..<3] { _ = try file.lend() }
        let error = try #require(failure { () throws(StorageError) in _ = try files[3].size() })
        #expect(error.code == .resourcesExhausted)
        #expect(error.location.path == "f3")
        #expect(error.errorNumber == EMFILE)
        #expect(error.remedy?.contains("ulimit -n") == true)
        #expect(failure { () throws(StorageError) in _ = try fixture.files.list() } != nil)
        files[1].takeBack(token: 0)
        #expect(try files[3].readText(8) == "f3")
        files[0].takeBack(token: 0)
        files[2].takeBack(token: 0)
    }

    @Test func reopeningFindsTheSameFileOrSaysSo() throws {
        let fixture = try Fixture(limit: 1)
        let files = try fixture.makeNamedFiles(4)
        _ = try files[3].size()
        fixture.outside.remove("f0")
        let missing = try #require(failure { () throws(StorageError) in _ = try files[0].size() })
        #expect(missing.code == .fileMissing)
        #expect(missing.location.path == "f0")
        #expect(try !fixture.files.exists("f0"))

        fixture.outside.remove("f1")
        fixture.outside.makeDirectory("f1")
        let directory = try #require(
            failure { () throws(StorageError) in _ = try files[1].readText(1) })
        #expect(directory.code == .fileOpenFailed)
        #expect(directory.errorNumber == EISDIR)
        #expect(directory.message.contains("\"f1\""))
        #expect(directory.remedy?.contains("directory") == true)

        _ = try fixture.files.open("other", .create)
        fixture.outside.move("other", over: "f2")
        let replaced = try #require(
            failure { () throws(StorageError) in try files[2].writeText("x") })
        #expect(replaced.code == .fileReplaced)
        #expect(replaced.location.path == "f2")
        #expect(try fixture.files.open("f2").size() == 0)
        #expect(fixture.faults.openCount == fixture.files.statistics.kernelDescriptors)
    }

    @Test func creationOptionsHoldOnce() throws {
        let fixture = try Fixture(limit: 1)
        let first = try fixture.files.open("a", .exclusive)
        try first.writeText("first")
        let second = try fixture.files.open("b", [.create, .truncate])
        try second.writeText("second")
        #expect(try first.readText(8) == "first")
        #expect(try second.readText(8) == "second")
        let exists = failure { () throws(StorageError) in
            _ = try fixture.files.open("a", .exclusive)
        }
        #expect(exists?.code == .fileExists)
        #expect(try fixture.files.open("b", .truncate).size() == 0)
        let readOnly = try fixture.files.open("a", .readOnly)
        #expect(
            failure { () throws(StorageError) in try readOnly.writeText("x") }?.code
                == .fileWriteFailed)
        #expect(
            failure { () throws(StorageError) in _ = try fixture.files.open("none") }?.code
                == .fileMissing)
    }

    @Test func closedFilesKeepWhatIsLentAndRefuseTheRest() throws {
        let fixture = try Fixture()
        let session = try IOSystem().makeSession()
        let file = try fixture.makeNamedFiles(1)[0]
        let lent = try file.lend()
        file.close(session)
        file.close(session)
        #expect(file.isClosed)
        #expect(fixture.files.statistics.virtualFiles == 0)
        #expect(file.descriptorForReopen() == lent.number)
        #expect(fixture.faults.openCount == 1)
        #expect(failure { () throws(StorageError) in _ = try file.lend() }?.code == .closed)
        #expect(failure { () throws(StorageError) in _ = try file.size() }?.code == .closed)
        #expect(fixture.faults.openCount == 1)
        file.takeBack(token: 0)
        #expect(fixture.faults.openCount == 0)
        #expect(file.descriptorForReopen() == -EBADF)
        #expect(failure { () throws(StorageError) in _ = try file.size() }?.code == .closed)
    }

    @Test func droppedFilesClose() throws {
        let fixture = try Fixture()
        do { _ = try fixture.makeNamedFiles(5) }
        #expect(fixture.faults.openCount == 0)
        #expect(fixture.files.statistics.virtualFiles == 0)
    }

    @Test func closingWhileOthersLend() throws {
        let fixture = try Fixture(limit: 3)
        for _ in 0..<100 {
            let file = try fixture.files.open("f", .create)
            try TestThreads.run(4) { thread in
                if thread == 0 {
                    if let session = try? IOSystem().makeSession() { file.close(session) }
                    return
                }
                for _ in 0..<50 {
                    guard (try? file.lend()) != nil else { continue }
                    file.takeBack(token: 0)
                }
            }
            #expect(fixture.faults.openCount == 0)
        }
    }

    @Test func refusedSettingsAndDirectories() throws {
        let scratch = TemporaryDirectory()
        var configuration = FileAccessConfiguration()
        configuration.maximumOpenFiles = 0
        let limit = failure { () throws(StorageError) in
            _ = try FileAccess(directory: scratch.path, configuration: configuration)
        }
        #expect(limit?.code == .invalidConfiguration)
        let missing = failure { () throws(StorageError) in
            _ = try FileAccess(directory: scratch.path + "/none")
        }
        #expect(missing?.code == .fileMissing)
        #expect(missing?.location.path == scratch.path + "/none")
        let file = failure { () throws(StorageError) in
            _ = try FileAccess(directory: "/dev/null")
        }
        #expect(file?.code == .fileOpenFailed)
        #expect(file?.errorNumber == ENOTDIR)
        configuration.maximumOpenFiles = .max
        let lowered = try FileAccess(directory: scratch.path, configuration: configuration)
        #expect(lowered.maximumOpenFiles < 1 << 31)
    }

    @Test(arguments: ["", "/etc/passwd", "..", "a/../b", "a//b", "a/", "a\0b"])
    func pathsStayInside(path: String) throws {
        let fixture = try Fixture()
        let errors = [
            failure { () throws(StorageError) in _ = try fixture.files.open(path, .create) },
            failure { () throws(StorageError) in _ = try fixture.files.exists(path) },
            failure { () throws(StorageError) in try fixture.files.remove(path, ifExists: true) },
            failure { () throws(StorageError) in try fixture.files.createDirectories(path) },
        ]
        for error in errors { #expect(error?.code == .invalidPath) }
    }
}
