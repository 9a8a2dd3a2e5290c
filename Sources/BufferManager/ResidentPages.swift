package import PageFormat
package import StorageManager

/// Reads pages of one relation in the shared pool without pin and lock.
///
/// Plain data, since counting a reference would store to memory that all readers share. Valid as
/// long as the ``BufferManager`` that made it, which holders must keep alive. Any thread may use
/// it.
@safe
package struct ResidentPages: @unchecked Sendable, BitwiseCopyable {
    /// The pool's own.
    private let placed: UnsafePointer<PoolTables>
    private let relation: UInt64

    /// How often a page that others are changing is looked at.
    private static let glimpses = 4

    init(_ pool: BufferPool, _ locator: RelationLocator) {
        unsafe placed = unsafe UnsafePointer(pool.placedTables)
        relation = PageTag.relationWord(locator)
    }

    /// Lets `body` look at a page, and finds out whether the page kept still meanwhile. Never
    /// waits.
    ///
    /// Stores to no memory that threads share, except for a use of the page after the clock hand
    /// has passed. The closure has no result, because a generic one would not be specialised here.
    ///
    /// - Parameters:
    ///   - sessionIndex: the session that counts the hit, on its thread; nil for none.
    ///   - body: reads the page. It may be called several times; only the last call counts.
    /// - Returns: false if the last call, if there was one, does not count either: the page has to
    ///   be pinned and locked.
    package func glimpse(
        _ block: BlockNumber, _ fork: Fork, sessionIndex: Int?, _ body: (PageGlimpse) -> Void
    ) -> Bool {
        let tag = PageTag(
            relation: relation, page: UInt64(fork.rawValue) << 32 | UInt64(block.rawValue))
        let tables = unsafe placed.pointee
        for _ in 0..<Self.glimpses {
            guard let index = tables.likelyIndex(tag) else { return false }
            let buffer = tables.buffer(index)
            guard let (version, state) = buffer.beginGlimpse() else { continue }
            // The pool keeps its memory, whatever page it holds.
            body(unsafe PageGlimpse(unsafePage: UnsafeRawPointer(tables.address(index).pointer)))
            guard buffer.hasKept(version, tag) else { continue }
            buffer.noteGlimpse(state)
            if let sessionIndex {
                unsafe BufferCounters.count(tables.tally(sessionIndex).pointee.hits)
            }
            return true
        }
        return false
    }
}

extension BufferManager {
    /// What reads the relation's pages without pin and lock; nil for relations that are local to a
    /// session, whose pages no other thread reads.
    package func residentPages(of relation: OpenRelation) -> ResidentPages? {
        guard !relation.locator.isLocal, relation.core == ObjectIdentifier(system) else {
            return nil
        }
        return ResidentPages(shared, relation.locator)
    }
}
