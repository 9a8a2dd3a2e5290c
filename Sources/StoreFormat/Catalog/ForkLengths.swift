package import AsyncIO
package import StorageManager

/// What an engine knows of the lengths of a relation's forks, besides what the catalog counts.
///
/// A further fork may be longer than the catalog says: by what this engine has added, and by what a
/// crash or an unfinished cut has left. It is *settled* once the latter is gone. A plain value.
package struct ForkLengths: Sendable {
    /// The lengths of further forks when the relation was first used, or when they were settled:
    /// what is behind is this engine's. The greatest for one of which nothing can be said.
    private var found: [Fork: UInt32] = [:]
    /// The lengths to which this engine has extended further forks, at least.
    private var shown: [Fork: UInt32] = [:]
    private var settled: Set<Fork> = []
    /// The lengths to which forks were cut since the last checkpoint began.
    private var cuts: [Fork: UInt32] = [:]
    /// The least lengths to which forks were cut since somebody began to watch, by watch.
    private var watches: [Int: [Fork: UInt32]] = [:]
    private var lastWatch = 0

    /// Makes those of a new relation.
    package init() {}

    /// Measures a relation's further forks.
    ///
    /// - Throws: exhausted descriptors or memory.
    package init(of relation: OpenRelation) throws(StorageError) {
        for fork in Fork.allCases where fork != .main {
            do throws(StorageError) {
                guard try relation.storage.exists(fork) else { continue }
                found[fork] = try relation.storage.blockCount(fork)
            } catch {
                if error.isExhaustion { throw error }
                found[fork] = .max
            }
        }
    }

    /// The length of a further fork if the engine has extended it; otherwise nil. If it does not
    /// tell its length now, what is known of it.
    ///
    /// - Throws: what reading its length throws, if nothing is known.
    package func extended(_ fork: Fork, of relation: OpenRelation) throws(StorageError) -> UInt32? {
        let before = found[fork] ?? 0
        if before == .max { return nil }
        do throws(StorageError) {
            guard try relation.storage.exists(fork) else { return shown[fork] }
            let count = try relation.storage.blockCount(fork)
            return count > before ? count : nil
        } catch {
            if let known = shown[fork] { return known }
            throw error
        }
    }

    /// Records that the engine has made a further fork that long.
    package mutating func show(_ fork: Fork, blocks count: UInt32) {
        shown[fork] = max(count, shown[fork] ?? 0)
    }

    /// Whether nothing is behind what the catalog counts of a further fork, and the engine added.
    package func isSettled(_ fork: Fork) -> Bool { settled.contains(fork) }

    /// Records that a further fork is settled, and how many of its blocks the catalog counts.
    package mutating func settle(_ fork: Fork, counted: UInt32) {
        found[fork] = counted
        settled.insert(fork)
    }

    /// Records, together with the catalog, that blocks from `count` on do not count any more.
    package mutating func cut(_ fork: Fork, to count: UInt32) {
        cuts[fork] = min(count, cuts[fork] ?? .max)
        watches = watches.mapValues { lengths in
            lengths.merging([fork: count]) { min($0, $1) }
        }
        if fork == .main { return }
        settled.remove(fork)
        found[fork] = .max
        shown[fork] = nil
    }

    /// Begins to watch for cuts. Returns the watch's number, for ``endWatch(_:)``.
    package mutating func watch() -> Int {
        lastWatch += 1
        watches[lastWatch] = [:]
        return lastWatch
    }

    package mutating func endWatch(_ watch: Int) { watches[watch] = nil }

    /// How many of a fork's blocks have been there all the time since a watch began, at most.
    package func lowest(_ fork: Fork, since watch: Int) -> UInt32 {
        watches[watch]?[fork] ?? .max
    }

    /// Forgets to what lengths forks were cut, as a checkpoint begins.
    package mutating func forgetCuts() { cuts = [:] }

    /// How many of the blocks that a fork had when the last checkpoint began are still the same.
    package func kept(_ fork: Fork, of count: UInt32) -> UInt32 { min(count, cuts[fork] ?? .max) }
}

/// A fork of a relation.
package struct ForkKey: Hashable, Sendable {
    let locator: RelationLocator
    let fork: Fork

    package init(locator: RelationLocator, fork: Fork) {
        (self.locator, self.fork) = (locator, fork)
    }
}
