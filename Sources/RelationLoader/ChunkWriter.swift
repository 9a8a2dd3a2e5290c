import PageFormat
import Strata
import ToastFormat

/// Stores values in chunks on the pages of a toast relation, one value after the other. Belongs to
/// the thread of its load.
struct ChunkWriter: ~Copyable {
    /// How many chunks were stored.
    private(set) var chunkCount: UInt64 = 0

    private let load: PendingLoad
    /// The number of the toast relation in pointers.
    private let relation: UInt32
    /// The number of the next value, which no value has that is or was in the relation.
    private var next: UInt64
    private var builder = HeapTupleBuilder(layout: ToastChunk.layout)
    /// The page being filled.
    private var page: PinnedPage?
    /// The relation's last page, as long as chunks fit on it.
    private var lastPage: LastPage?

    /// Begins the load of the toast relation.
    ///
    /// - Parameters:
    ///   - owner: the load whose rows get the pointers.
    ///   - number: the number of the toast relation in pointers; nil for the usual one.
    init(_ owner: PendingLoad, number: UInt32?) throws(StorageError) {
        let load = try owner.beginToast(number: number)
        var greatest: UInt32 = 0
        if load.target.mode == .append {
            let old = try load.engine.relation(named: load.target.relation)
            var values = ToastValues(PooledToastPages(old, load.session))
            greatest = try values.greatestValue()
        }
        let last = try load.lastPage()
        self.load = load
        lastPage = last
        relation = owner.toastNumber ?? 0
        next = UInt64(greatest) + 1
    }

    /// Stores a value.
    ///
    /// - Parameters:
    ///   - bytes: the value, or its compressed form.
    ///   - size: the size of the value.
    /// - Returns: the pointer to it.
    /// - Throws: `resourcesExhausted` once all numbers were given out; what adding pages throws.
    mutating func store(_ bytes: RawSpan, size: Int) throws(StorageError) -> ExternalPointer {
        guard let value = UInt32(exactly: next) else {
            throw StorageError(
                .resourcesExhausted,
                "relation \"\(load.target.relation)\" has given out all numbers of values",
                remedy: "Load into a new relation.",
                at: StorageError.Location(relation: load.target.relation))
        }
        next += 1
        let pointer = ExternalPointer(
            size: size, storedSize: bytes.byteCount, value: value, relation: relation)
        var start = 0
        while start < bytes.byteCount {
            let end = min(start + ToastChunk.size, bytes.byteCount)
            builder.begin()
            builder.append(value)
            builder.append(Int32(start / ToastChunk.size))
            builder.appendVariable(bytes.extracting(start..<end))
            try place()
            start = end
        }
        return pointer
    }

    private mutating func place() throws(StorageError) {
        if let last = lastPage {
            let isPlaced = try last.withEditor { (editor) throws(StorageError) in
                try Self.place(&builder, on: &editor, last.block.rawValue, load)
            }
            if isPlaced {
                chunkCount += 1
                return
            }
            lastPage = nil
        }
        while true {
            if let present = page.take(), try Self.place(&builder, on: present, load) {
                page = consume present
                break
            }
            let new = try load.nextPage()
            new.withEditor { $0.initialize() }
            page = consume new
        }
        chunkCount += 1
    }

    private static func place(
        _ builder: inout HeapTupleBuilder, on page: borrowing PinnedPage, _ load: PendingLoad
    ) throws(StorageError) -> Bool {
        let block = page.block.rawValue
        return try page.withEditor { (editor) throws(StorageError) in
            try place(&builder, on: &editor, block, load)
        }
    }

    private static func place(
        _ builder: inout HeapTupleBuilder, on editor: inout PageEditor, _ block: UInt32,
        _ load: PendingLoad
    ) throws(StorageError) -> Bool {
        do throws(PageFormatError) {
            return try builder.place(on: &editor, block: block) != nil
        } catch {
            throw StorageError(
                .invalidPage, "a chunk cannot be put on block \(block): \(error)",
                at: StorageError.Location(relation: load.target.relation, block: block))
        }
    }
}
