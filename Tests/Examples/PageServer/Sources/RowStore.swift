import Strata

/// Rows of a relation that is sorted by its primary key.
struct RowStore: Sendable {
    static let schema = try! Schema(parsing: "id bigint not null, name text")

    let relation: Relation
    let session: AsyncSession

    /// Where a page's keys are, relative to the wanted one.
    private enum Place {
        case before, after, absent
        case here(String)
    }

    /// Finds a row by its primary key, by binary search.
    func row(_ id: Int64) async throws -> String? {
        var (low, high) = (UInt32(0), relation.blockCount)
        while low < high {
            let middle = low + (high - low) / 2
            // A page in the pool costs no suspension. For other pages the task waits without
            // blocking a thread.
            let page = try await relation.page(BlockNumber(middle), session: session)
            switch try await page.withView({ try Self.find(id, in: $0) }) {
            case .before: high = middle
            case .after: low = middle + 1
            case .absent: return nil
            case .here(let name): return name
            }
        }
        return nil
    }

    /// The keys of a block's rows.
    func keys(ofBlock block: UInt32) async throws -> [Int64] {
        let page = try await relation.page(BlockNumber(block), session: session)
        return try await page.withView { view in
            var decoder = HeapTupleDecoder(layout: Self.schema.layout)
            var keys: [Int64] = []
            for number in view.linePointerNumbers {
                guard let tuple = try view.tuple(number) else { continue }
                try decoder.decode(tuple)
                if let key = try decoder.integer(0, of: tuple, as: Int64.self) { keys.append(key) }
            }
            return keys
        }
    }

    private static func find(_ id: Int64, in view: PageView) throws -> Place {
        var decoder = HeapTupleDecoder(layout: schema.layout)
        var place = Place.after
        for number in view.linePointerNumbers {
            guard let tuple = try view.tuple(number) else { continue }
            try decoder.decode(tuple)
            guard let key = try decoder.integer(0, of: tuple, as: Int64.self) else { continue }
            if key > id { return number == 1 ? .before : .absent }
            if key == id { return .here(text(decoder.value(1, of: tuple))) }
            place = .after
        }
        return place
    }

    private static func text(_ bytes: RawSpan?) -> String {
        guard let bytes else { return "" }
        return String(
            decoding: (0..<bytes.byteCount).map {
                bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self)
            }, as: UTF8.self)
    }

    /// Makes a relation with that many rows. Blocks.
    static func fill(_ engine: Engine, _ rowCount: Int64, session: Session) throws {
        let load = try engine.beginLoad(
            LoadTarget(relation: "rows", schema: schema, mode: .replace), session: session)
        var rows = HeapTupleBuilder(layout: schema.layout)
        var id: Int64 = 0
        while id < rowCount {
            let page = try load.nextPage()
            let block = page.block.rawValue
            try page.withEditor { editor in
                editor.initialize()
                while id < rowCount {
                    rows.begin()
                    rows.append(id)
                    rows.appendVariable(name(of: id).utf8Span.span.bytes)
                    guard try rows.place(on: &editor, block: block) != nil else { break }
                    id += 1
                }
            }
        }
        _ = try load.commit(rowCount: UInt64(rowCount))
    }

    static func name(of id: Int64) -> String { "row \(id) of the relation" }
}
