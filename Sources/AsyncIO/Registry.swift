internal import Synchronization
internal import Threads

/// An append-only table of up to 255 objects, named by one-byte ids from 1.
///
/// Adding takes a lock. Looking up takes none: an id reaches a thread only after its entry was
/// written, and entries never change.
@safe
final class Registry<Entry>: @unchecked Sendable {
    private static var capacity: Int { 255 }
    private let entries: UnsafeMutablePointer<Entry>
    private let count = Atomic<Int>(0)
    private let adding = Lock((), rank: .callbackRegistry)

    init() { unsafe entries = .allocate(capacity: Self.capacity) }

    deinit {
        unsafe entries.deinitialize(count: count.load(ordering: .acquiring))
        unsafe entries.deallocate()
    }

    /// Adds an entry and returns its id, or nil if the table is full.
    func add(_ entry: Entry) -> UInt8? {
        adding.withLock { _ in
            let position = count.load(ordering: .relaxed)
            guard position < Self.capacity else { return nil }
            unsafe (entries + position).initialize(to: entry)
            count.store(position + 1, ordering: .releasing)
            return UInt8(position + 1)
        }
    }

    func contains(_ id: UInt8) -> Bool { id > 0 && Int(id) <= count.load(ordering: .acquiring) }

    subscript(id: UInt8) -> Entry? {
        contains(id) ? unsafe entries[Int(id) - 1] : nil
    }
}
