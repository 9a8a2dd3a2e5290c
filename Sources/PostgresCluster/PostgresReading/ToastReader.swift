package import AsyncIO
internal import BufferManager
internal import PageFormat
package import PostgresTypes
internal import StorageManager
internal import ToastFormat

/// Where the out-of-line values of a table are stored.
package struct ToastPlace: Sendable, Hashable {
    /// The TOAST relation's number, which pointers name.
    package let relation: UInt32
    /// Its files, and its index's; nil if the index is not known.
    package let heap: RelationPlace
    package let index: RelationPlace?

    package init(relation: UInt32, heap: RelationPlace, index: RelationPlace?) {
        self.relation = relation
        self.heap = heap
        self.index = index
    }
}

/// Assembles values that are stored out of line. Belongs to its session's thread. Mirrors
/// `toast_fetch_datum`.
///
/// Chunks are found by the TOAST relation's index. If that does not lead to all of them, as in a
/// crashed cluster, the relation is read from its beginning.
package struct ToastReader {
    private let storage: DataDirectory
    private let session: Session
    private let place: ToastPlace?
    private var heap: OpenRelation?
    private var index: ToastIndex?
    /// Whether the last value could not be read because chunks of it are missing.
    package private(set) var lacksChunks = false

    /// Makes a reader of a table's values. Without a place, every pointer is an error.
    package init(_ storage: DataDirectory, _ place: ToastPlace?, session: Session) {
        self.storage = storage
        self.place = place
        self.session = session
    }

    /// The uncompressed value that a pointer refers to.
    ///
    /// - Parameters:
    ///   - prefix: text that the result begins with, so that a large value need not be copied. It
    ///     is lost if this throws.
    ///   - isDead: whether no transaction sees its row. A server may have removed the chunks then,
    ///     and a table may have thousands of such rows: after an orderly shutdown, chunks that the
    ///     index does not lead to are not sought.
    /// - Throws: `damagedRow` if chunks are missing or wrong; what reading pages throws.
    package mutating func value(
        _ pointer: ToastPointer, behind prefix: consuming [UInt8]? = nil,
        ofDeadRow isDead: Bool = false
    ) throws(StorageError) -> [UInt8] {
        guard pointer.isCompressed else {
            return try chunks(pointer, behind: prefix, ofDeadRow: isDead)
        }
        let chunks = try chunks(pointer, behind: nil, ofDeadRow: isDead)
        do throws(ValueFault) {
            return try pointer.value(ofChunks: chunks, behind: prefix)
        } catch {
            throw damage(pointer, error.description)
        }
    }

    /// What is stored of the value that a pointer refers to.
    ///
    /// - Throws: as ``value(_:behind:ofDeadRow:)``.
    package mutating func storedValue(
        _ pointer: ToastPointer
    ) throws(StorageError) -> [UInt8] {
        try chunks(pointer, behind: nil)
    }

    private func damage(_ pointer: ToastPointer, _ reason: String) -> StorageError {
        StorageError(
            .damagedRow,
            "value \(pointer.value) of TOAST relation \(pointer.relation) cannot be read: \(reason)"
        )
    }

    private mutating func chunks(
        _ pointer: ToastPointer, behind prefix: consuming [UInt8]?, ofDeadRow isDead: Bool = false
    ) throws(StorageError) -> [UInt8] {
        lacksChunks = false
        guard let place, place.relation == pointer.relation else {
            throw damage(pointer, "its table has no TOAST relation \(pointer.relation)")
        }
        guard pointer.isCompressed || pointer.storedSize == pointer.rawSize - 4 else {
            throw damage(
                pointer,
                "a value of \(pointer.rawSize - 4) bytes has \(pointer.storedSize) stored")
        }
        let heap = try openHeap(place)
        let blocks = try storage.explaining(place.heap) { () throws(StorageError) in
            try heap.storage.blockCount(.main)
        }
        // Checked before allocating the size that a damaged pointer may claim.
        guard pointer.storedSize <= Int(blocks) * blockSize else {
            lacksChunks = true
            throw damage(pointer, "the relation is too small for \(pointer.storedSize) bytes")
        }
        var gathered = ChunkGatherer(pointer, behind: prefix)
        let index = try openIndex(place)
        if let index {
            let rows = try? index.rows(
                of: pointer.value, atMost: gathered.mostChunks, storage.buffers, session)
            for row in rows ?? [] {
                try? visit(row.block, only: row.number, heap, &gathered)
            }
            if gathered.isComplete { return gathered.bytes }
        }
        let isIndexEnough = isDead && index != nil && storage.control.state != .notShutDown
        for block in 0..<(isIndexEnough ? 0 : blocks) {
            try visit(block, only: nil, heap, &gathered)
            if gathered.isComplete { return gathered.bytes }
        }
        lacksChunks = true
        throw damage(pointer, "\(gathered.missing) of its chunks are missing")
    }

    private mutating func openHeap(_ place: ToastPlace) throws(StorageError) -> OpenRelation {
        if let heap { return heap }
        let opened = try storage.open(place.heap)
        heap = opened
        return opened
    }

    private mutating func openIndex(_ place: ToastPlace) throws(StorageError) -> ToastIndex? {
        if let index { return index }
        guard let indexPlace = place.index, let relation = try? storage.open(indexPlace) else {
            return nil
        }
        index = ToastIndex(relation)
        return index
    }

    /// Takes the chunks of a value from a page of the TOAST relation.
    private func visit(
        _ block: UInt32, only number: OffsetNumber?, _ heap: OpenRelation,
        _ gathered: inout ChunkGatherer
    ) throws(StorageError) {
        let page: PinnedPage
        do throws(StorageError) {
            page = try storage.buffers.page(BlockNumber(block), of: heap, session: session)
        } catch {
            throw place.map { storage.explained(error, $0.heap) } ?? error
        }
        page.withView { view in
            for candidate in view.linePointerNumbers {
                if let number, number != candidate { continue }
                guard let tuple = try? view.tuple(candidate) else { continue }
                try? gathered.take(tuple)
            }
        }
    }
}

/// Puts the chunks of one value in order.
private struct ChunkGatherer {
    private let value: UInt32
    /// The value's bytes, as far as its chunks were found, behind those that were there before.
    private(set) var bytes: [UInt8]
    /// Where they begin.
    private let base: Int
    private var isThere: [Bool]
    /// How many chunks were not found yet.
    private(set) var missing: Int
    /// The size of every chunk but the last.
    private static let chunkSize = 1996

    init(_ pointer: ToastPointer, behind prefix: consuming [UInt8]?) {
        value = pointer.value
        let isText = prefix != nil
        bytes = prefix ?? []
        base = bytes.count
        if isText { bytes.reserveForText(of: pointer.storedSize) }
        bytes.append(contentsOf: repeatElement(0, count: pointer.storedSize))
        missing = (pointer.storedSize + Self.chunkSize - 1) / Self.chunkSize
        isThere = Array(repeating: false, count: missing)
    }

    var mostChunks: Int { isThere.count }
    var isComplete: Bool { missing == 0 }

    /// Takes a row of the TOAST relation (value, number, bytes) if it is a valid chunk of this
    /// value. Rows left by a failed transaction have another value's number.
    mutating func take(_ tuple: HeapTupleView) throws(ValueFault) {
        let header = tuple.header
        let isAborted =
            header.flags.contains(.xminInvalid) && !header.flags.contains(.xminCommitted)
        guard !isAborted, !tuple.hasNulls else { return }
        let data = tuple.bytes.extracting(tuple.dataOffset..<tuple.bytes.byteCount)
        guard try data.load(0, as: UInt32.self) == value else { return }
        let number = Int(try data.load(4, as: Int32.self))
        guard number >= 0, number < isThere.count, !isThere[number] else { return }
        let extent = try ValueLayout.varlena.extent(in: data, from: 8)
        guard case .plain(let range) = try Varlena.form(of: data, extent) else { return }
        let start = base + number * Self.chunkSize
        let end = min(bytes.count, start + Self.chunkSize)
        guard range.count == end - start else { return }
        let chunk = try data.part(range.lowerBound, range.count)
        unsafe chunk.withUnsafeBytes { source in
            unsafe bytes.withUnsafeMutableBytes { target in
                // Both have `range.count` bytes.
                unsafe target[start..<end].copyBytes(from: source)
            }
        }
        isThere[number] = true
        missing -= 1
    }
}
