internal import AsyncIO
internal import FileAccess
internal import PageFormat
internal import PostgresReading
internal import PostgresTypes
internal import StorageManager

/// Gathers the values that a table stores out of line, chunk by chunk, from whole and damaged
/// pages, without an index. A TOAST relation is read once, when its first value is asked for; then
/// its chunks are read where they were found. Belongs to its session's thread.
final class ToastRescue {
    private let directory: DataDirectory
    private let session: Session
    private let writer: ValueWriter
    /// Where a TOAST relation is, by the number that pointers name; nil if that is not known.
    private let locate: (UInt32) -> ToastPlace?
    private var heaps: [UInt32: Heap] = [:]
    /// The relations whose places were asked for.
    private var lookups: Set<UInt32> = []
    private let memory = PageSlots(slots: 1, pages: 1)
    /// The block whose page is in ``memory``.
    private var inMemory: (place: RelationPlace, block: UInt32)?
    private var open: (path: String, file: VirtualFile)?
    /// Hears of files of a TOAST relation that are missing.
    var fault: (RelationPages.FileFault) -> Void = { _ in }

    /// More TOAST relations than a table's rows name unless they are damaged.
    private static let mostHeaps = 4

    private struct Heap {
        let place: ToastPlace
        var map = ChunkMap()
    }

    init(
        _ directory: DataDirectory, session: Session, writer: ValueWriter,
        locate: @escaping (UInt32) -> ToastPlace?
    ) {
        self.directory = directory
        self.session = session
        self.writer = writer
        self.locate = locate
    }

    deinit { open?.file.close(session) }

    /// The value that a pointer refers to, as far as it is there.
    ///
    /// - Throws: `resourcesExhausted`, `closed`.
    func value(_ pointer: ToastPointer) throws(StorageError) -> GatheredValue {
        guard let heap = try heap(pointer.relation) else {
            return .incomplete(
                "value \(pointer.value) is stored out of line in relation \(pointer.relation),"
                    + " whose file is not known")
        }
        let gathered = ChunkGathering.value(pointer, heap.map) { chunk(of: heap, $0) }
        guard case .incomplete = gathered, heap.map.isFull else { return gathered }
        // Beyond what the map holds, only the index helps.
        var reader = ToastReader(directory, heap.place, session: session)
        guard let bytes = try? reader.value(pointer) else { return gathered }
        return .complete(bytes, isSure: true)
    }

    private func heap(_ relation: UInt32) throws(StorageError) -> Heap? {
        if let heap = heaps[relation] { return heap }
        guard lookups.count < Self.mostHeaps, lookups.insert(relation).inserted,
            let place = locate(relation)
        else { return nil }
        var heap = Heap(place: place)
        var map = ChunkMap()
        var judge = TupleJudge(.toast, writer)
        let pages = RelationPages(directory, place.heap, session: session)
        try pages.forEach(fault: fault) { () throws(StorageError) in
            true
        } _: { block, outcome, page in
            switch outcome {
            case .zero, .unreadable: return
            case .whole:
                if let tuples = PageTuples(whole: page) {
                    return Self.add(tuples, page, block, isWhole: true, to: &map)
                }
                fallthrough
            case .damaged:
                let tuples = PageTuples(damaged: page, block: block, &judge)
                Self.add(tuples, page, block, isWhole: false, to: &map)
            }
        }
        map.sort()
        heap.map = map
        heaps[relation] = heap
        return heap
    }

    private static func add(
        _ tuples: PageTuples, _ page: PageView, _ block: UInt32, isWhole: Bool,
        to map: inout ChunkMap
    ) {
        for tuple in tuples.found where tuple.isPossible {
            guard let bytes = try? page.bytes.part(tuple.start, tuple.length),
                let header = HeapTupleHeader(bytes),
                let chunk = ChunkGathering.header(of: bytes)
            else { continue }
            // Rows left by a failed transaction have another value's number.
            if header.flags.contains(.xminInvalid) && !header.flags.contains(.xminCommitted) {
                continue
            }
            map.add(
                ChunkMap.Entry(
                    value: chunk.value, number: chunk.number, page: UInt64(block),
                    start: tuple.start, isWhole: isWhole))
        }
    }

    private func chunk(of heap: Heap, _ entry: ChunkMap.Entry) -> [UInt8]? {
        guard load(UInt32(truncatingIfNeeded: entry.page), of: heap.place.heap) else { return nil }
        // The memory is this object's own.
        let page = unsafe PageView(unsafePage: UnsafeRawPointer(memory.address(0, 0).pointer))
        return ChunkGathering.bytes(
            of: page.bytes, at: entry.start, value: entry.value, number: entry.number)
    }

    /// Reads a block into ``memory``, as far as it is there.
    private func load(_ block: UInt32, of place: RelationPlace) -> Bool {
        if let inMemory, inMemory == (place, block) { return true }
        inMemory = nil
        let segmentBlocks = UInt32(clamping: max(1, directory.control.segmentBlocks))
        let segment = block / segmentBlocks
        let path = directory.path(place) + (segment == 0 ? "" : ".\(segment)")
        if open?.path != path {
            open?.file.close(session)
            open = nil
            guard let file = try? directory.files.open(path, .readOnly) else { return false }
            open = (path, file)
        }
        let page = memory.address(0, 0)
        unsafe page.bytes.initializeMemory(as: UInt8.self, repeating: 0)
        let offset = Int64(block % segmentBlocks) * Int64(blockSize)
        guard let count = try? unsafe open?.file.readFully(into: page.bytes, at: offset), count > 0
        else { return false }
        inMemory = (place, block)
        return true
    }
}
