internal import AsyncIO
internal import FileAccess
internal import PageChecking
internal import PageFormat
internal import PostgresReading
internal import StorageManager
internal import Synchronization
internal import Threads

/// Reads all pages of a relation's main fork, whatever is wrong with them, segment by segment, with
/// several reads in flight. A missing segment does not hide the later ones. Belongs to its
/// session's thread.
final class RelationPages {
    /// What became of a block.
    enum Outcome {
        /// Header and checksum are right.
        case whole
        /// All zeroes: never used, or overwritten.
        case zero
        /// The page is wrong; its bytes are there.
        case damaged(String)
        /// There are no bytes.
        case unreadable(String)
    }

    /// A missing or odd file, and what is wrong.
    struct FileFault {
        let path: String
        let reason: String
    }

    private let directory: DataDirectory
    private let checker: PageChecker
    private let place: RelationPlace
    private let zeroes = PageSlots(slots: 1, pages: 1)
    /// How many damaged pages were read again after pauses.
    private var patience = 0

    /// How many blocks are read between two questions whether to go on.
    private static let window: UInt32 = 1024
    private static let rereadPauses: [Duration] = [2, 10, 40].map { .milliseconds($0) }
    /// After so many damaged pages, the next ones are believed at once.
    private static let mostPatience = 20

    init(_ directory: DataDirectory, _ place: RelationPlace, session: Session) {
        self.directory = directory
        self.place = place
        checker = PageChecker(
            session, checksums: directory.control.hasPageChecksums,
            combineLimit: PostgresOptions.combineLimit)
    }

    /// The path of the segment that holds a block.
    func path(of block: UInt32) -> String {
        path(segment: block / UInt32(clamping: directory.control.segmentBlocks))
    }

    private func path(segment: UInt32) -> String {
        directory.path(place) + (segment == 0 ? "" : ".\(segment)")
    }

    /// The numbers of the segments that are there, in order.
    ///
    /// - Throws: `resourcesExhausted`, `closed`.
    private func segments() throws(StorageError) -> [UInt32] {
        let names: [String]
        do throws(StorageError) {
            names = try directory.files.list(directory.folder(place))
        } catch {
            if error.code == .resourcesExhausted || error.code == .closed { throw error }
            return []
        }
        let most = UInt32(clamping: Int(BlockNumber.maximumCount) / directory.control.segmentBlocks)
        let first = "\(place.number)"
        return names.compactMap { name in
            if name == first { return 0 }
            guard name.hasPrefix("\(first)."), let number = UInt32(name.dropFirst(first.count + 1)),
                number > 0, number <= most, name == "\(first).\(number)"
            else { return nil }
            return number
        }.sorted()
    }

    /// Calls `body` with each block in order, and `fault` with what is wrong with files. The view
    /// is of zeroes where there are no bytes, and valid during the call.
    ///
    /// - Parameter goesOn: asked between blocks; false ends the reading.
    /// - Throws: `resourcesExhausted`, `closed`, and what `goesOn` throws.
    func forEach(
        fault: (FileFault) -> Void, goesOn: () throws(StorageError) -> Bool,
        _ body: (UInt32, Outcome, PageView) -> Void
    ) throws(StorageError) {
        let segments = try segments()
        guard let last = segments.last else {
            return fault(FileFault(path: path(segment: 0), reason: "the file is missing"))
        }
        var expected: UInt32 = 0
        for segment in segments {
            for missing in expected..<max(expected, segment) {
                fault(
                    FileFault(
                        path: path(segment: missing),
                        reason: "the file is missing, and with it"
                            + " \(directory.control.segmentBlocks) blocks"))
            }
            expected = segment + 1
            let isLast = segment == last
            guard try read(segment, isLast: isLast, fault: fault, goesOn: goesOn, body) else {
                return
            }
        }
    }

    /// Reads one segment. Returns whether to go on.
    private func read(
        _ segment: UInt32, isLast: Bool, fault: (FileFault) -> Void,
        goesOn: () throws(StorageError) -> Bool, _ body: (UInt32, Outcome, PageView) -> Void
    ) throws(StorageError) -> Bool {
        let path = path(segment: segment)
        let file: VirtualFile
        let bytes: Int64
        do throws(StorageError) {
            file = try directory.files.open(path, .readOnly)
            bytes = try file.size()
        } catch {
            if error.code == .resourcesExhausted || error.code == .closed { throw error }
            fault(FileFault(path: path, reason: "the file cannot be read: \(error.message)"))
            return true
        }
        defer { file.close(checker.session) }
        let segmentBlocks = UInt64(directory.control.segmentBlocks)
        let first = UInt32(clamping: UInt64(segment) * segmentBlocks)
        let blocks = min(UInt64(max(0, bytes)) / UInt64(blockSize), segmentBlocks)
        let end = UInt32(clamping: UInt64(first) + blocks)
        if !isLast, blocks < segmentBlocks {
            fault(
                FileFault(
                    path: path,
                    reason: "the file ends early: \(segmentBlocks - blocks) blocks are missing"))
        }
        var next = first
        while next < end {
            guard try goesOn() else { return false }
            let upper = min(end - next, Self.window) + next
            let source = source(file, first, next..<upper)
            try checker.check(source) { block, finding in take(block, finding, source, body) }
            next = upper
        }
        let rest = Int(bytes % Int64(blockSize))
        if rest > 0, blocks < segmentBlocks, try goesOn() {
            readRest(file, rest, at: Int64(blocks) * Int64(blockSize), block: end, body)
        }
        return try goesOn()
    }

    private func source(
        _ file: VirtualFile, _ first: UInt32, _ blocks: Range<UInt32>
    ) -> SegmentSource {
        SegmentSource(
            file: file, firstBlock: first, blocks: blocks,
            locator: RelationLocator(database: place.database, number: place.number), fork: .main,
            manager: DataDirectory.magnetic, target: directory.verificationTarget)
    }

    private func take(
        _ block: UInt32, _ finding: PageChecker.Finding, _ source: SegmentSource,
        _ body: (UInt32, Outcome, PageView) -> Void
    ) {
        var finding = finding
        if case .page(.invalid, let page) = finding {
            finding = again(block, finding, page, source)
        }
        switch finding {
        case .unreadable(let error):
            body(block, .unreadable(error.message), zeroView())
        case .page(let verdict, let page):
            // No other thread has the memory until this returns.
            let view = unsafe PageView(unsafePage: UnsafeRawPointer(page.pointer))
            switch verdict {
            case .valid: body(block, .whole, view)
            case .new: body(block, .zero, view)
            case .invalid(let reason): body(block, .damaged(reason.description), view)
            }
        }
    }

    /// Reads a damaged page again, since a running server may be writing it.
    private func again(
        _ block: UInt32, _ finding: PageChecker.Finding, _ page: PageAddress,
        _ source: SegmentSource
    ) -> PageChecker.Finding {
        guard directory.control.state == .notShutDown, patience < Self.mostPatience else {
            return finding
        }
        patience += 1
        var last = finding
        for pause in Self.rereadPauses {
            park(Atomic<UInt32>(0), expected: 0, atMost: pause)
            let next = checker.read(block, of: source, into: page)
            guard case .page(let verdict, _) = next else { continue }
            last = next
            if verdict.isUsable { break }
        }
        return last
    }

    private func zeroView() -> PageView {
        let page = zeroes.address(0, 0)
        unsafe page.bytes.initializeMemory(as: UInt8.self, repeating: 0)
        // The memory is this object's own.
        return unsafe PageView(unsafePage: UnsafeRawPointer(page.pointer))
    }

    /// Hands out the beginning of a block with which the file ends.
    private func readRest(
        _ file: VirtualFile, _ count: Int, at offset: Int64, block: UInt32,
        _ body: (UInt32, Outcome, PageView) -> Void
    ) {
        let view = zeroView()
        let memory = unsafe UnsafeMutableRawBufferPointer(
            rebasing: zeroes.address(0, 0).bytes[0..<count])
        let read = try? unsafe file.readFully(into: memory, at: offset)
        guard read == count else {
            return body(block, .unreadable("the end of the file cannot be read"), zeroView())
        }
        body(block, .damaged("the file ends after \(count) of its \(blockSize) bytes"), view)
    }
}
