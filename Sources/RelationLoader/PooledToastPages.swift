import BufferManager
import PageFormat
import Strata
import ToastFormat

/// The pages of a toast relation, read through the pool. Belongs to its session's thread.
struct PooledToastPages: ToastPages {
    private let source: Source
    private let session: Session
    /// A ring for pages that would take much of the pool.
    private let strategy: AccessStrategy?

    private enum Source {
        case none
        case relation(Relation)
        case load(PendingLoad)
    }

    /// Rows that came meanwhile have values on pages that came meanwhile.
    var blockCount: UInt32 {
        switch source {
        case .relation(let relation): relation.blockCount
        case .load(let load): UInt32(load.pageCount)
        case .none: 0
        }
    }

    /// - Parameter relation: the toast relation; nil if there is none, which then has no pages.
    init(_ relation: Relation?, _ session: Session) {
        source = relation.map { .relation($0) } ?? .none
        self.session = session
        let buffers = relation?.engine.buffers
        strategy = buffers.flatMap { buffers in
            Int(relation?.blockCount ?? 0) > buffers.configuration.bufferCount / 4
                ? AccessStrategy(.bulkRead, for: buffers) : nil
        }
    }

    /// - Parameter load: a load of the toast relation, which has not ended; its pages so far.
    init(_ load: PendingLoad?, of session: Session) {
        source = load.map { .load($0) } ?? .none
        self.session = session
        strategy = nil
    }

    mutating func withPage<Result>(
        _ block: UInt32, _ body: (PageView) -> Result
    ) throws(StorageError) -> Result {
        switch source {
        case .relation(let relation):
            return try relation.page(BlockNumber(block), strategy: strategy, session: session)
                .withView(body)
        case .load(let load):
            return try load.page(Int(block)).withView(body)
        case .none:
            throw StorageError(.notFound, "there is no toast relation")
        }
    }
}
