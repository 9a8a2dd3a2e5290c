package import AsyncIO
package import FileAccess
package import StorageManager
internal import StoreFormat

/// Writes page copies to a journal file of their own, for a later opening.
package struct KeptCopies {
    private let files: FileAccess
    private let store: UInt64

    /// The name under which it is written.
    private let temporary: String

    private static let pagesPerBatch = 128

    /// - Throws: `fileExists` if something else has all of its temporary names.
    init(files: FileAccess, store: UInt64) throws(StorageError) {
        self.files = files
        self.store = store
        temporary = try StoreFiles(files: files).freeTemporary(
            of: JournalFormat.keptName, JournalFormat.header)
    }

    /// Writes the file under a temporary name.
    ///
    /// - Parameters:
    ///   - pages: the pages, with the positions of their copies.
    ///   - sources: the files with those copies, by number.
    /// - Returns: how many copies were skipped because the disk has damaged them.
    /// - Throws: what reading and writing throw.
    func write(
        _ pages: [(page: PageKey, copy: JournalScan.Copy)], from sources: [Int: VirtualFile],
        _ scan: JournalScan, _ session: Session
    ) throws(StorageError) -> Int {
        let file = try files.open(temporary, [.exclusive, .buffered])
        defer { file.close(session) }
        let head = JournalMemory()
        head.set(JournalFormat.encodeHeader(store: store, round: 1))
        try unsafe file.writeAll(head.bytes(JournalFormat.alignment), at: 0)
        let memory = PageSlots(slots: 1, pages: Self.pagesPerBatch)
        var rest = pages[...]
        var position = JournalFormat.firstBatch
        var (sequence, damaged) = (UInt64(0), 0)
        while !rest.isEmpty {
            var entries: [JournalEntry] = []
            for (page, copy) in rest.prefix(Self.pagesPerBatch) {
                let place = memory.address(0, entries.count)
                guard let source = sources[copy.file],
                    try scan.read(source, at: copy.offset, checksum: copy.checksum, into: place)
                else {
                    damaged += 1
                    continue
                }
                entries.append(
                    JournalEntry(
                        locator: page.locator, fork: page.fork, block: page.block,
                        checksum: copy.checksum))
            }
            rest = rest.dropFirst(Self.pagesPerBatch)
            if entries.isEmpty { continue }
            let header = JournalBatchHeader(
                store: store, round: 1, sequence: sequence, position: UInt64(position),
                kind: .pages, count: entries.count, durable: sequence)
            head.encode(header, entries.span)
            try unsafe file.writeAll(head.bytes(header.headLength), at: position)
            for index in entries.indices {
                let offset =
                    position + Int64(header.headLength) + Int64(index) * Int64(blockSize)
                let page = unsafe memory.address(0, index).bytes
                try unsafe file.writeAll(UnsafeRawBufferPointer(page), at: offset)
            }
            position += Int64(header.length)
            sequence += 1
        }
        withExtendedLifetime((head, memory)) {}
        return damaged
    }

    /// Removes the kept copies of main-fork blocks that the user has given up, so that no opening
    /// puts them in place of what these blocks will be. Durable on return.
    ///
    /// - Parameter givenUp: for each relation the first of those blocks.
    /// - Throws: what reading, writing and replacing the file throw; it stays as it was then.
    package static func drop(
        _ givenUp: [RelationLocator: UInt32], in files: FileAccess, store: UInt64,
        session: Session
    ) throws(StorageError) {
        guard try files.kind(of: JournalFormat.keptName) == .file else { return }
        let file = try files.open(JournalFormat.keptName, [.readOnly, .buffered])
        defer { file.close(session) }
        // Only copies that counted were kept.
        var scan = JournalScan(store: store) { _, _ in true }
        guard let round = try scan.round(of: file) else { return }
        try scan.add(file, number: 0, round: round)
        var rest: [(page: PageKey, copy: JournalScan.Copy)] = []
        var count = 0
        for (key, copies) in scan.copies {
            count += copies.count
            let end = key.fork == .main ? givenUp[key.locator] : nil
            for (block, copy) in copies where block < end ?? .max {
                rest.append((PageKey(locator: key.locator, fork: key.fork, block: block), copy))
            }
        }
        if rest.count == count { return }
        if rest.isEmpty {
            try files.remove(JournalFormat.keptName, ifExists: true)
            return try files.syncDirectory(".")
        }
        let new = try KeptCopies(files: files, store: store)
        rest.sort { ($0.copy.offset) < ($1.copy.offset) }
        _ = try new.write(rest, from: [0: file], scan, session)
        try new.publish()
    }

    /// Puts the file in place, durably. The file that it replaces must not be open.
    func publish() throws(StorageError) {
        try files.rename(temporary, to: JournalFormat.keptName)
    }
}
