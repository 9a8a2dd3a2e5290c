internal import AsyncIO
internal import RelationLoader
internal import Strata

/// Long random rewriting of a compressed relation of a given size: the greatest length of its file,
/// and that after compaction.
enum SoakBench {
    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        let store = CompressStore(plan: plan, method: method)
        return try store.with(poolShare: 8) { (engine, session) throws(BenchFailure) in
            let name = engine.ioMethodName
            var growth = BenchRow("soak/growth", method: name, unit: "of live", bar: .atMost(1))
            var compacted = BenchRow(
                "soak/compacted", method: name, unit: "of live", bar: .atMost(1))
            for round in 0..<plan.rounds {
                try load(plan, engine, session)
                let soak = try store.rewrite(
                    CompressStore.small, round, plan.rewrites, engine, session)
                growth.add(
                    value: soak.greatest, ceiling: 1.6,
                    processorMicroseconds: soak.time.processor * 1e6 / Double(soak.rewrites))
                compacted.add(value: soak.compacted, ceiling: 1.3, processorMicroseconds: 0)
                let report = try BenchFailure.wrap { () throws(StorageError) in
                    try engine.verify(session: session)
                }
                guard report.findings == 0 else { throw .wrongSum("soak") }
            }
            return [growth, compacted]
        }
    }

    /// Makes the relation, with as many pages as the plan says, full of narrow rows.
    private static func load(_ plan: BenchPlan, _ engine: Engine, _ session: Session)
        throws(BenchFailure)
    {
        let schema = LoadShape.narrow.schema
        try BenchFailure.wrap { () throws(StorageError) in
            let load = try engine.beginLoad(
                LoadTarget(
                    relation: CompressStore.small, schema: schema, mode: .replace,
                    managerName: "compressed"),
                session: session)
            var rows = SoakRows(schema)
            for _ in 0..<plan.data.pageCount where !plan.cancellation.isCancelled {
                try rows.fill(load.nextPage())
            }
            try load.commit()
        }
        try plan.checkCancellation()
    }
}

/// Narrow rows that depend only on their numbers, as ``LoadFile`` writes them.
struct SoakRows: ~Copyable {
    private var builder: HeapTupleBuilder
    private var row: UInt64 = 0

    init(_ schema: Schema) { builder = HeapTupleBuilder(layout: schema.layout) }

    /// Fills the page with rows, or puts at most so many on it.
    mutating func fill(_ page: borrowing PinnedPage, atMost limit: Int = .max)
        throws(StorageError)
    {
        let block = page.block.rawValue
        try page.withEditor { (editor) throws(StorageError) in
            editor.initialize()
            try place(on: &editor, block, atMost: limit)
        }
    }

    /// Appends a row: on the last page if it has room.
    mutating func appendRow(to load: PendingLoad) throws(StorageError) {
        if let last = try load.lastPage() {
            let block = last.block.rawValue
            let count = try last.withEditor { (editor) throws(StorageError) in
                try place(on: &editor, block, atMost: 1)
            }
            if count == 1 { return }
        }
        try fill(load.nextPage(), atMost: 1)
    }

    /// - Returns: how many rows were placed.
    @discardableResult
    private mutating func place(
        on editor: inout PageEditor, _ block: UInt32, atMost limit: Int
    ) throws(StorageError) -> Int {
        do throws(PageFormatError) {
            var count = 0
            while count < limit {
                form()
                guard try builder.place(on: &editor, block: block) != nil else { break }
                count += 1
            }
            return count
        } catch {
            throw StorageError(.misuse, "a row of the bench does not fit a page: \(error)")
        }
    }

    /// Forms the next row. A row that did not fit the last page is skipped.
    private mutating func form() {
        let mixed = (row &+ 1) &* 0x9E37_79B9_7F4A_7C15
        builder.begin()
        builder.append(Int32(truncatingIfNeeded: row))
        builder.append(Int32(truncatingIfNeeded: mixed >> 44))
        builder.append(Double(mixed >> 40) / Double(1 << 24))
        builder.append(Int32(row % 1000))
        unsafe builder.appendVariable("word\(row % 97)".utf8Span.span.bytes)
        builder.append(Int32(truncatingIfNeeded: mixed >> 47))
        builder.append(Int32(8766 + row % 365))
        builder.append(Int32(row & 1))
        row += 1
    }
}
