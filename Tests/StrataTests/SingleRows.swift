import StorageTesting
import Testing

@testable import Strata

/// Rows with numbers, appended one by one to relation `t`.
enum SingleRows {
    /// Appends a row: on the last page if it has room.
    static func append(
        _ value: Int64, _ engine: Engine, _ session: Session
    ) throws {
        let load = try engine.beginLoad(
            LoadTarget(relation: "t", mode: .append), session: session)
        try place(value, load)
        try load.commit(rowCount: 1)
    }

    static func place(_ value: Int64, _ load: PendingLoad) throws {
        if let last = try load.lastPage() {
            let block = last.block.rawValue
            let isPlaced = try last.withEditor { editor in try place(value, &editor, block) }
            if isPlaced { return }
        }
        let page = try load.nextPage()
        let block = page.block.rawValue
        try page.withEditor { editor in
            editor.initialize()
            _ = try place(value, &editor, block)
        }
    }

    static func place(_ value: Int64, _ editor: inout PageEditor, _ block: UInt32) throws
        -> Bool
    {
        var row = HeapTupleBuilder(layout: TestStore.schema.layout)
        row.begin()
        row.append(value)
        row.appendNull()
        return try row.place(on: &editor, block: block) != nil
    }

    /// The values of all rows, after comparing their number with the catalog's.
    static func values(_ relation: Relation, _ session: Session) throws -> [Int64] {
        let extent = relation.extent
        var values: [Int64] = []
        var pages = relation.scan(session: session, extent: extent)
        while let page = try pages.next() { values += try Self.values(on: page) }
        try relation.checkRowCount(UInt64(values.count), of: extent)
        return values
    }

    static func values(on page: borrowing PinnedPage) throws -> [Int64] {
        try page.withView { view in
            var decoder = HeapTupleDecoder(layout: TestStore.schema.layout)
            var values: [Int64] = []
            for number in view.linePointerNumbers {
                guard let row = try view.tuple(number) else { continue }
                try decoder.decode(row)
                values.append(try decoder.integer(0, of: row, as: Int64.self) ?? -1)
            }
            return values
        }
    }

    static func findings(_ engine: Engine, _ session: Session) throws
        -> [VerificationFinding]
    {
        var findings: [VerificationFinding] = []
        _ = try engine.verify(
            session: session, observer: VerificationObserver { findings.append($0) })
        return findings
    }
}
