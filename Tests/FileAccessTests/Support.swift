import AsyncIO
import FileAccess
import StorageTesting
import Threads

/// A directory of its own, its files, and the faults under them.
struct Fixture {
    let directory = TemporaryDirectory()
    let faults = FaultyFileSystem()
    let log = RecordingLog()
    let files: FileAccess

    init(
        limit: Int = 16, zeroExtension: ZeroExtension = .fallocate, usesDirectIO: Bool = false,
        filesSyncedTogether: Int = 512
    ) throws(StorageError) {
        var configuration = FileAccessConfiguration()
        configuration.maximumOpenFiles = limit
        configuration.zeroExtension = zeroExtension
        configuration.usesDirectIO = usesDirectIO
        configuration.filesSyncedTogether = filesSyncedTogether
        configuration.fileSystem = faults
        configuration.logger = log.logger()
        files = try FileAccess(directory: directory.path, configuration: configuration)
    }

    /// Creates files `f0`, `f1` … that hold their own names.
    func makeNamedFiles(_ count: Int) throws -> [VirtualFile] {
        try (0..<count).map { number in
            let file = try files.open("f\(number)", .create)
            try file.writeText("f\(number)")
            return file
        }
    }

    /// Changes that another program makes to the files meanwhile.
    var outside: Outside { Outside(root: directory.path) }
}

/// Changes to a store's files that do not go through its ``FileAccess``.
struct Outside {
    let root: String

    func remove(_ path: String) {
        let result = unsafe unlink(root + "/" + path)
        precondition(result == 0, "could not remove \(path)")
    }

    func makeDirectory(_ path: String) {
        let result = unsafe mkdir(root + "/" + path, 0o700)
        precondition(result == 0, "could not make \(path)")
    }

    func link(_ path: String, to target: String) {
        let result = unsafe symlink(target, root + "/" + path)
        precondition(result == 0, "could not link \(path)")
    }

    func move(_ path: String, over target: String) {
        let result = unsafe rename(root + "/" + path, root + "/" + target)
        precondition(result == 0, "could not rename \(path)")
    }
}

extension VirtualFile {
    /// Writes a string's bytes and checks that all were taken.
    func writeText(_ text: String, at offset: Int64 = 0) throws(StorageError) {
        let bytes = Array(text.utf8)
        let count = try unsafe write(bytes.span.bytes, at: offset)
        precondition(count == bytes.count)
    }

    /// Reads at most `count` bytes as text.
    func readText(_ count: Int, at offset: Int64 = 0) throws(StorageError) -> String {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        let done = try read(into: &raw, at: offset)
        return String(decoding: bytes[..<done], as: UTF8.self)
    }
}

/// Returns what the closure throws.
func failure(_ body: () throws(StorageError) -> Void) -> StorageError? {
    do throws(StorageError) {
        try body()
        return nil
    } catch {
        return error
    }
}

/// Aligned memory of whole pages, freed with the object.
@safe
final class PageMemory: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    init(count: Int, filledWith value: UInt8 = 0) {
        unsafe bytes = .allocate(byteCount: count, alignment: FileAccess.directIOAlignment)
        unsafe bytes.initializeMemory(as: UInt8.self, repeating: value)
    }

    deinit { unsafe bytes.deallocate() }

    subscript(range: Range<Int>) -> UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[range])
    }

    var array: [UInt8] { unsafe Array(bytes) }
}
