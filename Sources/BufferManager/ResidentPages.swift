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

    /// How often a page that others are changing is looked for.
    private static let glimpses = 4

    init(_ pool: BufferPool, _ locator: RelationLocator) {
        unsafe placed = unsafe UnsafePointer(pool.placedTables)
        relation = PageTag.relationWord(locator)
    }

    /// Begins to look at a page. Never waits, and stores to no memory that threads share.
    ///
    /// Not a call with a closure: a generic one would not be specialised here, and the outcome of
    /// another would have to be stored.
    ///
    /// - Returns: nil if the page is not in the pool or others are changing it: it has to be pinned
    ///   and locked.
    package func beginGlimpse(_ block: BlockNumber, _ fork: Fork) -> BegunGlimpse? {
        let tag = tag(block, fork)
        let tables = unsafe placed.pointee
        for _ in 0..<Self.glimpses {
            guard let index = tables.likelyIndex(tag) else { return nil }
            let buffer = tables.buffer(index)
            guard let version = buffer.beginGlimpse() else { continue }
            return BegunGlimpse(buffer: buffer, address: tables.address(index), version: version)
        }
        return nil
    }

    /// Whether the page kept still since the look at it began, so that what was read counts.
    ///
    /// Stores to no memory that threads share, except for a use of the page after the clock hand
    /// has passed.
    ///
    /// - Parameter sessionIndex: the session that counts the hit, on its thread; nil for none.
    package func endGlimpse(
        _ glimpse: BegunGlimpse, _ block: BlockNumber, _ fork: Fork, sessionIndex: Int?
    ) -> Bool {
        guard glimpse.buffer.hasKept(glimpse.version, tag(block, fork)) else { return false }
        glimpse.buffer.noteGlimpse()
        if let sessionIndex {
            unsafe BufferCounters.count(placed.pointee.tally(sessionIndex).pointee.hits)
        }
        return true
    }

    @inline(__always)
    private func tag(_ block: BlockNumber, _ fork: Fork) -> PageTag {
        PageTag(relation: relation, page: UInt64(fork.rawValue) << 32 | UInt64(block.rawValue))
    }
}

/// A look at a page that nothing holds, until `ResidentPages.endGlimpse` tells whether the page
/// kept still. Three words, which stay in registers.
@safe
package struct BegunGlimpse: BitwiseCopyable {
    let buffer: Buffer
    /// The bytes. The pool keeps its memory, whatever page it holds.
    package let address: PageAddress
    let version: UInt32
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
