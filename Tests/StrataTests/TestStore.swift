import FileAccess
import Logging
import StorageTesting
import Strata
import Testing
import Threads

/// A directory for a test's own store, and how the store is opened.
final class TestStore: Sendable {
    static let schema = try! Schema(parsing: "id bigint NOT NULL, name text")

    private let directory = TemporaryDirectory()
    let log = RecordingLog()
    let method: TestedMethod

    init(_ method: TestedMethod = TestedMethod(.synchronous)) { self.method = method }

    /// The store's directory, which does not exist at first.
    var path: String { directory.path + "/store" }
    /// Another directory beside it.
    var other: String { directory.path + "/other" }

    var options: EngineOptions {
        var options = EngineOptions()
        options.ioMethod = method.choice
        options.poolBytes = 64 * blockSize
        options.maximumSessions = 4
        options.combineLimit = 4
        options.concurrency = .fixed(8)
        options.createdSegmentBlocks = 8
        options.logger = log.logger()
        return options
    }

    func open(_ change: (inout EngineOptions) -> Void = { _ in }) throws -> Engine {
        var options = options
        change(&options)
        return try Engine.open(path, options: options)
    }

    /// Opens, runs `body`, closes.
    func with<Result>(_ body: (Engine, Session) throws -> Result) throws -> Result {
        let engine = try open()
        let session = try engine.makeSession()
        let result: Result
        do { result = try body(engine, session) } catch {
            session.close()
            throw error
        }
        session.close()
        try engine.close()
        return result
    }

    /// The names of relations' files, without the empty ones that truncation leaves.
    func relationFiles(_ store: String? = nil) throws -> [String] {
        let directory = (store ?? path) + "/base/1"
        return try names(in: directory).filter { try !readFile("\(directory)/\($0)").isEmpty }
    }
}

extension PendingLoad {
    /// Adds pages that hold their load's mark and their block.
    func add(_ count: Int, mark: UInt8) throws {
        for _ in 0..<count {
            let page = try nextPage()
            try page.fill(mark)
        }
    }
}

extension PinnedPage {
    /// Puts rows of ``TestStore/schema`` on the page, which hold a mark and the block.
    func fill(_ mark: UInt8, rows count: Int = 1) throws {
        let block = block.rawValue
        try withEditor { editor in try editor.fill(mark, block, rows: count) }
    }
}

extension PageEditor {
    /// Puts rows of ``TestStore/schema`` on the page, which hold a mark and the block.
    mutating func fill(_ mark: UInt8, _ block: UInt32, rows count: Int = 1) throws {
        var row = HeapTupleBuilder(layout: TestStore.schema.layout)
        initialize()
        for _ in 0..<count {
            row.begin()
            row.append(Int64(block) << 8 | Int64(mark))
            row.appendNull()
            _ = try row.place(on: &self, block: block)
        }
    }
}

extension PageView {
    /// The mark that ``PageEditor/fill(_:_:rows:)`` put on the page, after checking that the page
    /// has its own block.
    func mark(_ block: UInt32) throws -> UInt8 {
        var decoder = HeapTupleDecoder(layout: TestStore.schema.layout)
        guard let row = try tuple(1) else { throw CancellationError() }
        try decoder.decode(row)
        let told = try decoder.integer(0, of: row, as: Int64.self) ?? 0
        #expect(told >> 8 == Int64(block))
        return UInt8(truncatingIfNeeded: told)
    }
}

extension Engine {
    @discardableResult
    func load(
        _ name: String, _ count: Int, mark: UInt8, _ session: Session,
        mode: LoadTarget.Mode = .create, manager: String? = nil, isCounted: Bool = true
    ) throws -> Relation {
        let load = try beginLoad(
            LoadTarget(
                relation: name, schema: TestStore.schema, mode: mode, managerName: manager),
            session: session)
        try load.add(count, mark: mark)
        return try load.commit(rowCount: isCounted ? UInt64(count) : nil)
    }
}

extension Relation {
    /// The marks of all pages, by a scan or page by page, after checking that each page has its own
    /// block.
    func marks(_ session: Session, scanning: Bool = true) throws -> [UInt8] {
        var marks: [UInt8] = []
        if scanning {
            var stream = scan(session: session)
            while let page = try stream.next() { marks.append(try Self.mark(page)) }
        } else {
            for block in 0..<blockCount {
                marks.append(try Self.mark(page(BlockNumber(block), session: session)))
            }
        }
        return marks
    }

    private static func mark(_ page: borrowing PinnedPage) throws -> UInt8 {
        let block = page.block.rawValue
        return try page.withView { view in try view.mark(block) }
    }
}

/// Expects an error of that code and returns it.
@discardableResult
func expectError(
    _ code: StorageError.Code, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
) -> StorageError? {
    do {
        try body()
        Issue.record("no error was thrown, \(code) was expected", sourceLocation: sourceLocation)
    } catch let error as StorageError {
        #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
        return error
    } catch {
        Issue.record("\(error) was thrown", sourceLocation: sourceLocation)
    }
    return nil
}

// MARK: Files

func names(in directory: String) -> [String] {
    guard let handle = unsafe opendir(directory) else { return [] }
    defer { unsafe closedir(handle) }
    var names: [String] = []
    while let entry = unsafe readdir(handle) {
        let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
            unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) {
                unsafe String(cString: $0)
            }
        }
        if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
}

func readFile(_ path: String) throws -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY)
    try #require(descriptor >= 0, "\(path) cannot be read")
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe read(descriptor, $0.baseAddress, $0.count)
        }
        try #require(count >= 0)
        if count == 0 { return bytes }
        bytes += buffer[..<count]
    }
}

func writeFile(_ path: String, _ bytes: [UInt8]) throws {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    try #require(descriptor >= 0, "\(path) cannot be written")
    defer { close(descriptor) }
    let count = unsafe bytes.withUnsafeBytes {
        unsafe write(descriptor, $0.baseAddress, $0.count)
    }
    try #require(count == bytes.count)
}

func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// Copies a directory in its present state, as a crash would leave it.
func copyTree(_ from: String, _ to: String) throws {
    try #require(unsafe mkdir(to, 0o700) == 0)
    for name in names(in: from) {
        if isDirectory("\(from)/\(name)") {
            try copyTree("\(from)/\(name)", "\(to)/\(name)")
        } else {
            try writeFile("\(to)/\(name)", readFile("\(from)/\(name)"))
        }
    }
}

/// All files below a directory, with their contents.
func snapshot(_ directory: String, _ prefix: String = "") throws -> [String: [UInt8]] {
    var result: [String: [UInt8]] = [:]
    for name in names(in: directory) {
        let path = "\(directory)/\(name)"
        if isDirectory(path) {
            result.merge(try snapshot(path, "\(prefix)\(name)/")) { $1 }
        } else {
            result["\(prefix)\(name)"] = try readFile(path)
        }
    }
    return result
}
