import AsyncIO
import FileAccess
import StorageManager
import StorageTesting
import Testing
import Threads

@testable import CompressedDisk

/// Other objects in the place of a compressed relation's files, and full disks.
@Suite("Other objects in the place of a compressed relation's files")
struct PlaceTests {
    enum Thing: CaseIterable, Sendable {
        case directory, pipe, loop

        func make(_ path: String) {
            _ = unlink(path)
            switch self {
            case .directory: #expect(mkdir(path, 0o700) == 0)
            case .pipe: #expect(mkfifo(path, 0o600) == 0)
            case .loop: #expect(symlink(path, path) == 0)
            }
        }
    }

    @Test(
        "in the data file's: an error that names it", arguments: IOMethodMatrix.all, Thing.allCases)
    func data(_ method: TestedMethod, _ thing: Thing) throws {
        try TemporaryDirectory.with { path in
            try RealStore.make(path, method, blocks: 40)
            thing.make("\(path)/\(RealStore.chunks)")
            for isReadOnly in [true, false] {
                try RealStore.with(path, method, configure: { $0.opensReadOnly = isReadOnly }) {
                    store in
                    let error = try #require(
                        RealStore.error { _ = try store.storage.blockCount(.main) })
                    #expect(error.location.path == RealStore.chunks, "\(thing): \(error)")
                    #expect(error.location.relation == RealStore.locator.description)
                }
            }
        }
    }

    @Test(
        "in the map's: the chunks replace it, and nothing overwrites it", arguments: Thing.allCases)
    func map(_ thing: Thing) throws {
        let method = TestedMethod(.synchronous)
        try TemporaryDirectory.with { path in
            try RealStore.make(path, method, blocks: 40)
            thing.make("\(path)/\(RealStore.map)")
            let before = try Harm(path: path).everything()
            try RealStore.with(path, method) { store in
                if thing == .loop {
                    let error = RealStore.error { _ = try store.storage.blockCount(.main) }
                    #expect(error?.location.path == RealStore.map && error?.errorNumber == ELOOP)
                } else {
                    for block in 0..<UInt32(40) { #expect(store.read(block) == .right) }
                    let checked = try store.check()
                    #expect(checked.map(\.code) == [.damagedMap])
                }
                try store.manager.syncPending(store.session)
            }
            #expect(try Harm(path: path).everything() == before)
        }
    }

    @Test("in the new map's: it stays, and a link's target stays unchanged")
    func newMap() throws {
        let method = TestedMethod(.synchronous)
        for thing in [Thing?.none, .pipe, .loop, .directory] {
            try TemporaryDirectory.with { path in
                let harm = Harm(path: path)
                try RealStore.make(path, method, blocks: 40)
                try harm.remove(RealStore.map)
                try harm.set("outside", [1, 2, 3])
                let new = "\(path)/\(RealStore.map).new"
                if let thing {
                    thing.make(new)
                } else {
                    #expect(symlink("../../outside", new) == 0)
                }
                try RealStore.with(path, method) { store in
                    try store.write(0, 4)
                    try store.manager.syncPending(store.session)
                }
                var status = stat()
                #expect(lstat(new, &status) == 0)
                #expect(try harm.bytes("outside") == [1, 2, 3])
                try RealStore.with(path, method) { store in
                    for block in 0..<UInt32(40) { #expect(store.read(block) == .right) }
                    let checked = try store.check()
                    #expect(checked.isEmpty)
                }
            }
        }
    }

    @Test("Long transfers from the middle of small chunks", arguments: IOMethodMatrix.all)
    func smallChunks(_ method: TestedMethod) throws {
        try TemporaryDirectory.with { path in
            try RealStore.make(path, method, blocks: 200, chunkPages: 2)
            try RealStore.with(path, method, chunkPages: 2) { store in
                let memory = PageMemory(65)
                var random = SplitMix64(seed: IOMethodMatrix.seed)
                // Incompressible contents take most room.
                for position in 0..<65 {
                    memory.withWords(position) { words in
                        for index in words.indices {
                            words[index] = UInt32(truncatingIfNeeded: random.next())
                        }
                    }
                }
                var done = 0
                let addresses = memory.addresses
                while done < 65 {
                    let outcome = IOReturn()
                    let handle = try store.session.acquireHandle(reporting: outcome)
                    let reference = handle.waitReference
                    try store.storage.startWrite(
                        handle, .main, block: BlockNumber(UInt32(1 + done)),
                        from: addresses.span.extracting(done..<65), sync: .register)
                    try store.session.wait(for: reference)
                    try store.system.check(outcome)
                    done += Int(outcome.result.value)
                }
                let found = PageMemory(65)
                try store.storage.read(.main, block: 1, into: found.addresses.span)
                for position in 0..<65 {
                    let isSame = memory.withWords(position) { words in
                        found.withWords(position) { words.elementsEqual($0) }
                    }
                    #expect(isSame)
                }
                #expect(store.read(0) == .right && store.read(66) == .right)
            }
        }
    }

    @Test("A full disk is reported as such, however much it took")
    func noRoom() throws {
        let method = TestedMethod(.synchronous)
        try TemporaryDirectory.with { path in
            let files = LimitedFileSystem()
            try RealStore.make(path, method, blocks: 40)
            try RealStore.with(path, method, configure: { $0.fileSystem = files }) { store in
                _ = try store.storage.blockCount(.main)
                for left in [0, 1, 5000] {
                    files.leave(left)
                    let error = try #require(RealStore.error { try store.write(8, 4) })
                    #expect(error.code == .writeFailed && error.errorNumber == ENOSPC)
                    #expect(error.location.block == 8 && error.location.path == RealStore.chunks)
                }
                files.leave(nil)
                for block in 0..<UInt32(40) { #expect(store.read(block) == .right) }
                try store.write(8, 4)
                files.leave(100)
                let error = try #require(
                    RealStore.error { try store.manager.syncPending(store.session) })
                #expect(error.errorNumber == ENOSPC)
                files.leave(nil)
                try store.manager.syncPending(store.session)
            }
            try RealStore.with(path, method) { store in
                let checked = try store.check()
                #expect(checked.isEmpty)
            }
        }
    }
}
