import AsyncIO
import FileAccess
import StorageTesting
import Testing
import Threads

@Suite struct TransferTests {
    /// Bytes that differ from their neighbours.
    static func pattern(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    }

    /// Writes and reads in pieces of uneven length.
    func roundTrip(_ file: VirtualFile, pieces: Int, pieceLength: Int) throws {
        var bytes = Self.pattern(pieces * pieceLength)
        var back = [UInt8](repeating: 0, count: bytes.count)
        let (written, read) = try unsafe bytes.withUnsafeMutableBytes { source in
            try unsafe back.withUnsafeMutableBytes { target in
                func vectors(_ memory: UnsafeMutableRawBufferPointer) -> [iovec] {
                    unsafe (0..<pieces).map { piece in
                        unsafe iovec(
                            iov_base: memory.baseAddress! + piece * pieceLength,
                            iov_len: pieceLength)
                    }
                }
                let written = try unsafe vectors(source).withUnsafeBufferPointer {
                    unsafe try file.write($0, at: 100)
                }
                let read = try unsafe vectors(target).withUnsafeBufferPointer {
                    unsafe try file.read(into: $0, at: 100)
                }
                return (written, read)
            }
        }
        #expect(written == bytes.count)
        #expect(read == bytes.count)
        #expect(back == bytes)
    }

    @Test(arguments: [Int.max, 4096, 1000, 1])
    func vectorsThroughPartialTransfers(limit: Int) throws {
        let fixture = try Fixture()
        fixture.faults.with { $0.transferLimit = limit }
        let file = try fixture.files.open("f", .create)
        try roundTrip(file, pieces: 7, pieceLength: 1111)
    }

    @Test func moreVectorsThanTheKernelTakes() throws {
        let fixture = try Fixture()
        let file = try fixture.files.open("f", .create)
        try roundTrip(file, pieces: 2500, pieceLength: 3)
    }

    @Test func interruptedCallsAreMadeAgain() throws {
        let fixture = try Fixture(limit: 1)
        fixture.faults.with {
            $0.interruptsEverything = true
            $0.transferLimit = 500
        }
        let files = try [fixture.files.open("a", .create), fixture.files.open("b", .create)]
        for file in files {
            try roundTrip(file, pieces: 3, pieceLength: 777)
            try file.zeroExtend(from: 10_000, count: 5000)
            try file.truncate(to: 12_000)
            try file.sync()
            #expect(try file.size() == 12_000)
        }
        try fixture.files.rename("a", to: "c")
        #expect(try fixture.files.list() == ["b", "c"])
    }

    @Test func shortOnlyAtTheEnd() throws {
        let fixture = try Fixture()
        let file = try fixture.files.open("f", .create)
        try file.writeText("0123456789")
        #expect(try file.readText(100) == "0123456789")
        #expect(try file.readText(100, at: 7) == "789")
        #expect(try file.readText(100, at: 10) == "")
        #expect(try file.readText(100, at: 1000) == "")
        #expect(try file.readText(0) == "")
    }

    @Test func fullDiskReturnsWhatWasWrittenThenThrows() throws {
        let fixture = try Fixture()
        fixture.faults.with { $0.sizeLimit = 1000 }
        let file = try fixture.files.open("dir", .create)
        let bytes = Self.pattern(3000)
        #expect(try unsafe file.write(bytes.span.bytes, at: 0) == 1000)
        let error = try #require(
            failure { () throws(StorageError) in
                _ = try unsafe file.write(bytes.span.bytes, at: 1000)
            })
        #expect(error.code == .fileWriteFailed)
        #expect(error.errorNumber == ENOSPC)
        #expect(error.message == "could not write 3000 bytes at offset 1000 of file \"dir\"")
        #expect(error.remedy?.contains("Free space") == true)
        fixture.faults.with { $0.sizeLimit = .max }
        #expect(try unsafe file.write(bytes.span.bytes, at: 1000) == 3000)
    }

    @Test func whatTheKernelHasIsReadAtOnce() throws {
        let folder = TemporaryDirectory()
        let files = try FileAccess(directory: folder.path)
        let file = try files.open("f", .create)
        try file.writeText("0123456789")
        func cached(_ file: VirtualFile, _ count: Int, at offset: Int64) throws -> String {
            var memory = [UInt8](repeating: 0, count: count)
            let done = try unsafe memory.withUnsafeMutableBytes { memory in
                let vector = unsafe [iovec(iov_base: memory.baseAddress, iov_len: count)]
                return try unsafe vector.withUnsafeBufferPointer {
                    try unsafe file.readCached(into: $0, at: offset)
                }
            }
            return String(decoding: memory.prefix(done), as: UTF8.self)
        }
        // What was just written is in the cache, unless the file system cannot tell.
        let text = try cached(file, 4, at: 3)
        #expect(text == "3456" || text.isEmpty)
        #expect(try cached(file, 4, at: 100).isEmpty)
        // A simulated disk has no cache to look into.
        let fixture = try Fixture()
        let other = try fixture.files.open("f", .create)
        try other.writeText("0123456789")
        #expect(try cached(other, 4, at: 3).isEmpty)
    }

    @Test func failedReadNamesTheFile() throws {
        let fixture = try Fixture()
        let file = try fixture.files.open("f", .create)
        try file.writeText("0123456789")
        fixture.faults.with { $0.faults[.read] = [EIO] }
        let error = try #require(
            failure { () throws(StorageError) in _ = try file.readText(10) })
        #expect(error.code == .fileReadFailed)
        #expect(error.errorNumber == EIO)
        #expect(error.location.path == "f")
        #expect(error.remedy?.contains("disk") == true)
        #expect(try file.readText(10) == "0123456789")
        // After a part has been read, the part is the result.
        fixture.faults.with {
            $0.transferLimit = 4
            $0.faults[.read] = [nil, EIO]
        }
        #expect(try file.readText(10) == "0123")
    }

    @Test(arguments: [
        ENOSPC, EDQUOT, EMFILE, ENFILE, EACCES, EROFS, EISDIR, EIO, ENOENT, EFBIG, ENOMEM,
    ])
    func everyLikelyErrorHasARemedy(errorNumber: CInt) throws {
        let fixture = try Fixture()
        fixture.faults.with { $0.faults[.open] = [errorNumber] }
        let error = try #require(
            failure { () throws(StorageError) in _ = try fixture.files.open("f", .create) })
        #expect(error.errorNumber == errorNumber)
        #expect(error.remedy != nil)
        #expect(error.location.path == "f")
        #expect(error.description.contains("\"f\""))
        #expect(try fixture.files.open("f", .create).size() == 0)
    }
}
