internal import AsyncIO
internal import PageFormat
internal import PostgresReading
internal import PostgresTypes
internal import StorageManager

/// Salvages the rows of one table from an image. Belongs to its session's thread.
final class ImageSalvage {
    private let image: ImageRescue
    private let shape: RescueShape
    private let options: ImageOptions
    private let states: RowStates?
    private let observer: SalvageObserver
    private let reporter: SalvageReporter
    private let reader: ImageReader
    private var pages: ImagePages
    private var making: RowMaking
    private var chunks = ChunkMap()
    private var deferred: [Deferred] = []
    private let chunkMemory = PageSlots(slots: 1, pages: 1)
    private let pageMemory = PageSlots(slots: 1, pages: 1)
    private var chunkPage: Int64 = -1

    /// A row with values stored out of line, which waits until their chunks are known.
    private struct Deferred {
        let page: Int64
        let block: UInt32
        let start: UInt16
        let length: UInt16
        let number: UInt16
        let isWhole: Bool
        let isAllVisible: Bool
    }

    /// 96 MiB of rows; what goes beyond is shown without its values.
    private static let mostDeferred = 4 << 20

    init(
        _ image: ImageRescue, _ schema: RescueSchema, _ options: ImageOptions,
        _ directory: DataDirectory?, _ observer: SalvageObserver, _ session: Session
    ) throws(StorageError) {
        self.image = image
        self.options = options
        self.observer = observer
        shape = schema.shape
        let version = directory?.version ?? DataDirectory.versions.upperBound
        let writer = ValueWriter(version: version)
        states = directory.map { RowStates($0.control, TransactionLog($0)) }
        reporter = SalvageReporter(observer)
        reader = try ImageReader(image, session)
        pages = ImagePages(shape, writer, acceptsShortRows: options.acceptsShortRows)
        making = RowMaking(shape, writer, .utf8)
    }

    func run(_ row: (RescuedRow) throws(StorageError) -> Bool) throws(StorageError)
        -> SalvageReport
    {
        reader.unreadable = { [reporter, image] range in
            reporter.add(
                SalvageFinding(
                    .lostBlock, image.path,
                    "bytes \(range.lowerBound) to \(range.upperBound - 1) cannot be read"))
        }
        var isEnded = false
        try reader.forEachPlace(progress: observer.progress) { offset, page throws(StorageError) in
            switch self.pages.examine(page) {
            case .other: return ImageReader.sector
            case .again: return blockSize
            case .toast(let tuples, let isWhole):
                self.add(tuples, page, offset, isWhole: isWhole)
                return isWhole ? blockSize : ImageReader.sector
            case .table(let tuples, let block, let isWhole):
                self.reporter.numbers.pages += 1
                if !isWhole { self.addDamaged(offset, block) }
                let place = Place(page: offset, block: block, isWhole: isWhole)
                isEnded = try !self.give(tuples, page, place, row)
                if isEnded { return nil }
                return isWhole ? blockSize : ImageReader.sector
            }
        }
        if !isEnded { try giveDeferred(row) }
        return reporter.numbers
    }

    private func addDamaged(_ offset: Int64, _ block: UInt32) {
        reporter.add(
            SalvageFinding(
                .damagedPage, image.path, block: block,
                "the page at byte \(offset) is not as it was written"))
    }

    /// Where a page is.
    private struct Place {
        let page: Int64
        let block: UInt32
        let isWhole: Bool
    }

    private func add(
        _ tuples: PageTuples, _ page: PageView, _ offset: Int64, isWhole: Bool
    ) {
        for tuple in tuples.found where tuple.isPossible {
            guard let bytes = try? page.bytes.part(tuple.start, tuple.length),
                let chunk = ChunkGathering.header(of: bytes)
            else { continue }
            chunks.add(
                ChunkMap.Entry(
                    value: chunk.value, number: chunk.number,
                    page: UInt64(offset / Int64(ImageReader.sector)), start: tuple.start,
                    isWhole: isWhole))
        }
    }

    /// Gives the rows of a page. Returns whether to go on.
    private func give(
        _ tuples: PageTuples, _ page: PageView, _ place: Place,
        _ row: (RescuedRow) throws(StorageError) -> Bool
    ) throws(StorageError) -> Bool {
        let isAllVisible = place.isWhole && page.flags.contains(.allVisible)
        for found in tuples.found where found.isPossible {
            guard let bytes = try? page.bytes.part(found.start, found.length),
                let tuple = try? HeapTupleView(bytes, number: found.number)
            else { continue }
            let entry = Deferred(
                page: place.page, block: place.block, start: UInt16(found.start),
                length: UInt16(found.length), number: found.number, isWhole: place.isWhole,
                isAllVisible: isAllVisible)
            if tuple.header.flags.contains(.hasExternal), deferred.count < Self.mostDeferred {
                deferred.append(entry)
                continue
            }
            guard try give(tuple, entry, row) else { return false }
        }
        return true
    }

    /// Gives the rows that have values stored out of line.
    private func giveDeferred(
        _ row: (RescuedRow) throws(StorageError) -> Bool
    ) throws(StorageError) {
        chunks.sort()
        let memory = pageMemory.address(0, 0)
        var loaded: Int64 = -1
        for entry in deferred {
            if loaded != entry.page {
                guard reader.page(at: entry.page, into: memory) else { continue }
                loaded = entry.page
            }
            // The memory is this object's own.
            let page = unsafe PageView(unsafePage: UnsafeRawPointer(memory.pointer))
            guard let bytes = try? page.bytes.part(Int(entry.start), Int(entry.length)),
                let tuple = try? HeapTupleView(bytes, number: entry.number)
            else { continue }
            guard try give(tuple, entry, row) else { return }
        }
    }

    private func give(
        _ tuple: HeapTupleView, _ entry: Deferred,
        _ row: (RescuedRow) throws(StorageError) -> Bool
    ) throws(StorageError) -> Bool {
        let header = tuple.header
        let state = try state(header, entry)
        guard options.includesDead || state == .visible || state == .unknown else { return true }
        let fields = try making.fields(of: tuple, isSure: entry.isWhole) {
            pointer throws(StorageError) in
            ChunkGathering.value(pointer, self.chunks) { self.chunk($0) }
        }
        for lost in fields.lost {
            reporter.add(
                SalvageFinding(
                    .lostValue, image.path, block: entry.block, linePointer: entry.number,
                    column: shape.columns[lost.column].name, lost.reason))
        }
        let confidence: RescueConfidence =
            !fields.lost.isEmpty
            ? .incomplete
            : entry.isWhole && fields.isSure && state != .unknown ? .whole : .plausible
        reporter.numbers.rows[confidence, default: 0] += 1
        return try row(
            RescuedRow(
                fields: fields.texts, file: image.path, block: entry.block,
                linePointer: entry.number, confidence: confidence, state: state,
                insertedBy: header.xmin, deletedBy: header.xmax,
                lostColumns: fields.lost.map(\.column)))
    }

    private func state(
        _ header: HeapTupleHeader, _ entry: Deferred
    ) throws(StorageError) -> RescuedState {
        if entry.isAllVisible { return .visible }
        if let states { return try states.state(header, isWhole: false) }
        return RowStates.hinted(header)
    }

    private func chunk(_ entry: ChunkMap.Entry) -> [UInt8]? {
        let memory = chunkMemory.address(0, 0)
        let offset = Int64(entry.page) * Int64(ImageReader.sector)
        if chunkPage != offset {
            chunkPage = -1
            guard reader.page(at: offset, into: memory) else { return nil }
            chunkPage = offset
        }
        // The memory is this object's own.
        let page = unsafe PageView(unsafePage: UnsafeRawPointer(memory.pointer))
        return ChunkGathering.bytes(
            of: page.bytes, at: entry.start, value: entry.value, number: entry.number)
    }
}

extension RowStates {
    private enum Mask {
        static let exclusiveLock: UInt16 = 0x0040
        static let lockOnly: UInt16 = 0x0080
        static let locks: UInt16 = 0x0050
        static let isMultixact: UInt16 = 0x1000
    }

    /// The state that a row's own hints tell of, without a log. A deletion without a hint is taken
    /// for committed, as most are.
    static func hinted(_ header: HeapTupleHeader) -> RescuedState {
        let flags = header.flags
        if flags.contains(.xminInvalid) && !flags.contains(.xminCommitted) {
            return .insertAborted
        }
        let bits = flags.rawValue
        let isLock =
            bits & Mask.lockOnly != 0
            || (bits & Mask.isMultixact == 0 && bits & Mask.locks == Mask.exclusiveLock)
        if !flags.contains(.xmaxInvalid) && header.xmax != 0 && !isLock { return .deleted }
        return flags.contains(.xminCommitted) ? .visible : .unknown
    }
}
