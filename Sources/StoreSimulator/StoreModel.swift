internal import StorageManager

/// What a relation must hold: the oracle of one incarnation, from its load to its drop.
final class RelationModel {
    /// A page, as the versions that may be found after a crash, oldest first. Readers see the last
    /// one.
    struct Page {
        var versions: [UInt32]
        var current: UInt32 { versions[versions.count - 1] }

        init(_ versions: [UInt32]) { self.versions = versions }

        /// Records that everything written before `mark` is durable: versions older than the last
        /// of it can no longer be found.
        mutating func settle(before mark: UInt32) {
            if let last = versions.lastIndex(where: { $0 < mark }), last > 0 {
                versions.removeFirst(last)
            }
        }
    }

    /// A fork besides the main one.
    struct FurtherFork {
        var pages: [Page] = []
        /// The numbers of pages that it may have after a crash.
        var possibleCounts = [0]
        /// By how many pages of zeroes it may be longer, after extensions that failed.
        var slack = 0

        mutating func grow(to count: Int) {
            while pages.count < count { pages.append(Page([0])) }
        }

        mutating func settle(before mark: UInt32) {
            for position in pages.indices { pages[position].settle(before: mark) }
            possibleCounts = [pages.count]
        }

        /// Whether these versions may be found; nil is none that was written.
        func allows(_ found: [UInt32?]) -> Bool {
            let fits = possibleCounts.contains { ($0...$0 + slack).contains(found.count) }
            return fits
                && found.enumerated().allSatisfy { position, version in
                    guard let version else { return false }
                    return position < pages.count
                        ? pages[position].versions.contains(version) : version == 0
                }
        }
    }

    let manager: String
    var pages: [Page]
    /// The fork `vm`, which stands for all further ones.
    var fork = FurtherFork()
    /// What was ever recorded of the room in blocks, in bytes.
    var room: [UInt32: Set<Int>] = [:]
    /// Pages that an append is adding. They exist if the append turns out to count.
    var tail: [Page] = []
    /// The version that an append is putting in the place of the last page, if it fills it up.
    var filled: UInt32?
    /// The numbers of pages that it may have after a crash.
    var possibleCounts: [Int]
    /// The values in its toast relation, and those that an append is adding.
    var values: [UInt32]
    var valuesTail: [UInt32] = []

    init(manager: String, pages: [Page], values: [UInt32] = []) {
        self.manager = manager
        self.pages = pages
        self.values = values
        possibleCounts = [pages.count]
    }

    /// Records that a length is being written to the disk.
    func attemptCount(_ count: Int) {
        if possibleCounts.last != count { possibleCounts.append(count) }
    }

    /// Records that the lengths of all forks are being written to the disk.
    func attemptCounts() {
        attemptCount(pages.count)
        attempt(fork.pages.count, of: .visibilityMap)
    }

    // MARK: Cutting

    func attempt(_ count: Int, of fork: Fork) {
        if fork == .main { return attemptCount(count) }
        if self.fork.possibleCounts.last != count { self.fork.possibleCounts.append(count) }
    }

    func revert(to counts: [Int], of fork: Fork) {
        if fork == .main { possibleCounts = counts } else { self.fork.possibleCounts = counts }
    }

    /// Records that a fork was cut, durably.
    func cut(_ fork: Fork, to count: Int) {
        if fork == .main {
            pages.removeLast(pages.count - count)
            possibleCounts = [count]
        } else {
            self.fork.pages.removeLast(self.fork.pages.count - count)
            self.fork.possibleCounts = [count]
            self.fork.slack = 0
        }
    }

    /// Records that everything written before `mark` is durable, and that the length is.
    func settle(before mark: UInt32, count: Int) {
        for position in pages.indices { pages[position].settle(before: mark) }
        possibleCounts = [count]
    }

    /// Whether these versions and values may be found: those from before the append in progress, or
    /// those with it.
    func allows(_ found: [UInt32], _ values: [UInt32]) -> Bool {
        guard possibleCounts.contains(found.count) else { return false }
        if found.count <= pages.count, values == self.values,
            zip(pages, found).allSatisfy({ $0.versions.contains($1) })
        {
            return true
        }
        return found.count == pages.count + tail.count && values == self.values + valuesTail
            && zip(grown, found).allSatisfy { $0.versions.contains($1) }
    }

    /// The pages if the append in progress counts.
    private var grown: [Page] {
        var all = pages
        if let filled, !all.isEmpty { all[all.count - 1] = Page([filled]) }
        return all + tail
    }

    /// Records that the append in progress counts.
    func commitAppend() {
        pages = grown
        values += valuesTail
        possibleCounts = [pages.count]
        endAppend()
    }

    /// Records that no append is in progress.
    func endAppend() {
        (tail, valuesTail, filled) = ([], [], nil)
    }
}

/// What a store must hold. For each name: the relations that may be found under it after a crash,
/// the one in use first; nil stands for no relation.
struct StoreModel {
    let names: [String]
    private var possible: [String: [RelationModel?]]

    init(names: [String]) {
        self.names = names
        possible = Dictionary(uniqueKeysWithValues: names.map { ($0, [nil]) })
    }

    func candidates(_ name: String) -> [RelationModel?] { possible[name] ?? [nil] }

    /// The relation in use under a name.
    func current(_ name: String) -> RelationModel? { candidates(name)[0] }

    /// Records that a change of the name's meaning is being written.
    mutating func attempt(_ name: String, _ next: RelationModel?) {
        possible[name] = [current(name), next]
    }

    /// Records that the change counts.
    mutating func commit(_ name: String, _ next: RelationModel?) { possible[name] = [next] }

    /// Records that the change does not count.
    mutating func revert(_ name: String) { possible[name] = [current(name)] }

    /// All relations in use.
    var relations: [RelationModel] { names.compactMap { current($0) } }

    /// Records that everything written before `mark` is durable, and that these lengths are.
    func settle(before mark: UInt32) {
        for relation in relations {
            relation.settle(before: mark, count: relation.pages.count)
            relation.fork.settle(before: mark)
        }
    }

    /// Forgets what the engine kept in memory, once the engine has ended.
    mutating func forgetVolatile() {
        for name in names {
            possible[name] = candidates(name).map { $0?.manager == "memory" ? nil : $0 }
        }
    }
}
