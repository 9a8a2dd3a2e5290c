internal import FileAccess
internal import PageInspection
internal import PostgresCluster
internal import PostgresRescue
internal import Strata
internal import SystemPackage

/// Pages to show.
protocol InspectedPages: AnyObject {
    /// What they are of, for messages.
    var name: String { get }
    var file: PageInspector.File { get }
    var hasChecksums: Bool { get }
    func blockCount() throws(StorageError) -> UInt32
    /// How many bytes follow the last whole block.
    func tornBytes() throws(StorageError) -> Int
    /// A page's bytes, unverified.
    func page(_ block: UInt32) throws(StorageError) -> [UInt8]
    /// What the relation's visibility map says about a block; nil if there is none.
    func isAllVisible(_ block: UInt32) -> Bool?
    /// Gives the columns of the rows, if they are known.
    func giveColumns(to inspector: inout PageInspector)
}

/// The pages in a relation's files.
final class FilePages: InspectedPages {
    let name: String
    let file: PageInspector.File
    var hasChecksums = false
    /// The table, if it is known.
    var target: RescueTarget?
    private let files: FileAccess
    /// The first segment's name in its folder, and where its blocks begin.
    private let first: String
    private let offset: UInt32
    private let segmentBlocks: UInt32
    private var open: (segment: UInt32, file: VirtualFile)?
    private var visibility: FilePages?
    private var visibilityPage: (block: UInt32, bytes: [UInt8])?

    static let usualSegmentBlocks = 131_072
    private static let sampledPages: UInt32 = 16

    /// Opens a relation's files.
    ///
    /// - Parameter path: the first file without the fork's suffix, or any file of a fork.
    init(
        _ path: FilePath, _ fork: InspectSource.ForkChoice, segmentBlocks: Int, name: String? = nil
    ) throws(StorageError) {
        let last = path.lastComponent?.string ?? ""
        let parent = path.removingLastComponent()
        var configuration = FileAccessConfiguration()
        configuration.opensReadOnly = true
        configuration.fileSystem = ToolEnvironment.current.fileSystem
        files = try FileAccess(
            directory: parent.isEmpty ? "." : parent, configuration: configuration)
        self.segmentBlocks = UInt32(clamping: max(1, segmentBlocks))
        let parts = Self.parts(of: last)
        let isMap = parts.fork != nil
        file = parts.fork ?? fork.file
        first = isMap ? parts.stem : parts.stem + (fork == .main ? "" : "_\(fork.rawValue)")
        offset = UInt32(clamping: UInt64(parts.segment) * UInt64(self.segmentBlocks))
        self.name = name ?? path.string
        // Opens the first file, so that a wrong name shows.
        _ = try file(of: offset / self.segmentBlocks)
        let count = min(Self.sampledPages, try blockCount())
        for block in 0..<count {
            guard let bytes = try? page(block), bytes.count > 9 else { continue }
            if bytes[8] != 0 || bytes[9] != 0 { hasChecksums = true }
        }
        if file == .main, fork == .main, name != nil || !isMap {
            visibility = try? FilePages(path, .vm, segmentBlocks: segmentBlocks)
        }
    }

    /// A file's name without the number of its segment, that number, and the map that it is.
    private static func parts(
        of name: String
    ) -> (stem: String, segment: UInt32, fork: PageInspector.File?) {
        var (stem, segment): (Substring, UInt32) = (name[...], 0)
        if let dot = name.lastIndex(of: "."), let number = UInt32(name[dot...].dropFirst()),
            name[..<dot].allSatisfy({ $0.isNumber || $0.isLetter || $0 == "_" })
        {
            (stem, segment) = (name[..<dot], number)
        }
        let fork: PageInspector.File? =
            stem.hasSuffix("_fsm") ? .freeSpaceMap : stem.hasSuffix("_vm") ? .visibilityMap : nil
        return (String(stem), segment, fork)
    }

    private func file(of segment: UInt32) throws(StorageError) -> VirtualFile {
        if let open, open.segment == segment { return open.file }
        let file = try files.open(segment == 0 ? first : "\(first).\(segment)", [.readOnly])
        open = (segment, file)
        return file
    }

    func blockCount() throws(StorageError) -> UInt32 { try end().blocks }

    func tornBytes() throws(StorageError) -> Int { try end().rest }

    /// How many whole blocks there are, and how many bytes follow the last one.
    private func end() throws(StorageError) -> (blocks: UInt32, rest: Int) {
        var segment = offset / segmentBlocks
        while true {
            let bytes = try file(of: segment).size()
            let blocks = bytes / Int64(blockSize)
            let base = UInt64(segment) * UInt64(segmentBlocks)
            let name = "\(first).\(segment + 1)"
            let hasNext = try files.kind(of: name) == .file
            if blocks < Int64(segmentBlocks) || !hasNext {
                return (UInt32(clamping: base + UInt64(blocks)), Int(bytes % Int64(blockSize)))
            }
            segment += 1
        }
    }

    func page(_ block: UInt32) throws(StorageError) -> [UInt8] {
        let file: VirtualFile
        do throws(StorageError) {
            file = try self.file(of: block / segmentBlocks)
        } catch {
            throw error.code == .fileMissing ? try missing(block) : error
        }
        var bytes = [UInt8](repeating: 0, count: blockSize)
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        let count = try file.readFully(
            into: &raw, at: Int64(block % segmentBlocks) * Int64(blockSize))
        if count == 0 { throw try missing(block) }
        return bytes
    }

    private func missing(_ block: UInt32) throws(StorageError) -> StorageError {
        StorageError(
            .notFound, "\"\(name)\" has no block \(block)",
            remedy: "It has \(try blockCount()) blocks.",
            at: StorageError.Location(block: block, path: name))
    }

    func isAllVisible(_ block: UInt32) -> Bool? {
        guard let visibility else { return nil }
        let number = block / PageCell.blocksPerVisibilityPage
        if visibilityPage?.block != number {
            guard let bytes = try? visibility.page(number) else { return false }
            visibilityPage = (number, bytes)
        }
        return visibilityPage.map { PageCell.isAllVisible(block, inMapPage: $0.bytes) }
    }

    func giveColumns(to inspector: inout PageInspector) {
        if let target { inspector.useColumns(of: target) }
    }
}

/// The pages of a store's relation, whatever keeps them.
final class StorePages: InspectedPages {
    let name: String
    let file: PageInspector.File
    let hasChecksums: Bool
    private let relation: Relation
    private let schema: String?
    private let fork: Fork

    init(
        _ engine: Engine, _ name: String, _ choice: InspectSource.ForkChoice
    ) throws(StorageError) {
        self.name = name
        file = choice.file
        fork = choice.fork
        relation = try engine.relation(named: name)
        let kind = relation.open.pageKind(of: choice.fork)
        guard kind == .postgres else {
            throw StorageError(
                .misuse,
                "relation \"\(name)\" has pages of the kind \(kind.name), whose layout only the"
                    + " program that wrote them knows",
                remedy: "strata verify tells whether they are intact.",
                at: StorageError.Location(relation: name))
        }
        schema = engine.description(of: name)?.schema?.sqlText
        var hasChecksums = false
        // The pool would not hand out what is damaged, so pages are read beside it.
        let count = try relation.open.storage.blockCount(choice.fork)
        for block in 0..<min(count, 16) {
            let bytes = try? Self.read(relation, choice.fork, block)
            if let bytes, bytes[8] != 0 || bytes[9] != 0 { hasChecksums = true }
        }
        self.hasChecksums = hasChecksums
    }

    func blockCount() throws(StorageError) -> UInt32 {
        try relation.open.storage.blockCount(fork)
    }

    /// `strata verify` judges the lengths of a store's files.
    func tornBytes() -> Int { 0 }

    func page(_ block: UInt32) throws(StorageError) -> [UInt8] {
        try Self.read(relation, fork, block)
    }

    private static func read(
        _ relation: Relation, _ fork: Fork, _ block: UInt32
    ) throws(StorageError) -> [UInt8] {
        let count = try relation.open.storage.blockCount(fork)
        guard block < count else {
            throw StorageError(
                .notFound, "the relation has no block \(block)",
                remedy: "It has \(count) blocks.", at: StorageError.Location(block: block))
        }
        let memory = PageSlots(slots: 1, pages: 1)
        let pages = memory.addresses(0, 1)
        try relation.open.storage.read(fork, block: BlockNumber(block), into: pages.span)
        // The memory is this call's own.
        return unsafe Array(memory.address(0, 0).bytes)
    }

    func isAllVisible(_ block: UInt32) -> Bool? { nil }

    func giveColumns(to inspector: inout PageInspector) {
        if let schema, let columns = try? RescueSchema(parsing: schema) {
            inspector.useColumns(columns)
        }
    }
}
