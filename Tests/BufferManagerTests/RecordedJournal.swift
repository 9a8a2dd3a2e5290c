import AsyncIO
import BufferManager
import PageFormat
import StorageManager
import Testing
import Threads

/// A journal that records its calls, and fails when told to.
final class RecordedJournal: PageJournal {
    enum Step: Hashable {
        case record, makeDurable, makeRoom
    }

    enum Event: Hashable {
        case recorded(UInt64)
        case durable(UInt64)
        case finished(UInt64)
        /// How many pages of a batch were not written in place.
        case unwritten(UInt64, Int)
        case madeRoom
    }

    private struct State {
        var events: [Event] = []
        var failures: [Step: StorageError] = [:]
        var isFull = false
        var copies: [UInt64: [Stack.Stamp]] = [:]
        /// The newest durable version of each block.
        var durable: [UInt32: UInt32] = [:]
    }

    private let state = Lock(State(), rank: .observer)
    let batchLimit = 128

    var events: [Event] { state.withLock { $0.events } }
    var isFull: Bool { state.withLock { $0.isFull } }

    func becomeFull() { state.withLock { $0.isFull = true } }

    func fail(_ step: Step, with error: StorageError?) {
        state.withLock { $0.failures[step] = error }
    }

    /// Expects pages that are about to be written to be the newest ones kept.
    func expectDurable(_ pages: Span<PageAddress>) {
        let durable = state.withLock { $0.durable }
        for position in pages.indices {
            let view = unsafe PageView(unsafePage: UnsafeRawPointer(pages[position].pointer))
            let stamp = Stack.stamp(of: view)
            #expect(stamp.map { durable[$0.block] == $0.version } == true)
        }
    }

    private static func check(_ state: State, _ step: Step) throws(StorageError) {
        if let failure = state.failures[step] { throw failure }
    }

    func record(_ pages: Span<JournalledPage>, session: Session) throws(StorageError)
        -> JournalBatch
    {
        var stamps: [Stack.Stamp] = []
        for position in pages.indices {
            let bytes = pages[position].bytes.pointer
            let view = unsafe PageView(unsafePage: UnsafeRawPointer(bytes))
            if let stamp = Stack.stamp(of: view) { stamps.append(stamp) }
        }
        #expect(stamps.count == pages.count)
        let copies = stamps
        return try state.withLock { (state) throws(StorageError) in
            try Self.check(state, .record)
            let number = UInt64(state.copies.count)
            state.copies[number] = copies
            state.events.append(.recorded(number))
            return JournalBatch(number: number)
        }
    }

    func makeDurable(_ batch: JournalBatch, session: Session) throws(StorageError) {
        try state.withLock { (state) throws(StorageError) in
            try Self.check(state, .makeDurable)
            for stamp in state.copies[batch.number] ?? [] {
                state.durable[stamp.block] = stamp.version
            }
            state.events.append(.durable(batch.number))
        }
    }

    func writeDidFail(
        _ batch: JournalBatch, _ locator: RelationLocator, _ fork: Fork, block: BlockNumber,
        count: Int
    ) {
        state.withLock { $0.events.append(.unwritten(batch.number, count)) }
    }

    func replacementDidCommit(_ page: JournalledPage) {}

    func finish(_ batch: JournalBatch) {
        state.withLock { $0.events.append(.finished(batch.number)) }
    }

    func makeRoom(_ session: Session) throws(StorageError) {
        try state.withLock { (state) throws(StorageError) in
            try Self.check(state, .makeRoom)
            state.isFull = false
            state.events.append(.madeRoom)
        }
    }

    func forget(_ locator: RelationLocator, _ fork: Fork, from block: BlockNumber, session: Session)
    {}
}
