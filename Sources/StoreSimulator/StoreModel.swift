/// What a relation has to hold: the oracle of one incarnation, from its load to its drop.
final class RelationModel {
    /// A page, as the versions that may be found after a crash, oldest first; the last is the one
    /// that readers see.
    struct Page {
        var versions: [UInt32]
        var current: UInt32 { versions[versions.count - 1] }

        init(_ versions: [UInt32]) { self.versions = versions }

        /// All that was written before `mark` is durable: what is older than the last of it is
        /// gone for good.
        mutating func settle(before mark: UInt32) {
            if let last = versions.lastIndex(where: { $0 < mark }), last > 0 {
                versions.removeFirst(last)
            }
        }
    }

    let manager: String
    var pages: [Page]
    /// Pages that an append is adding: there if it turns out to count.
    var tail: [Page] = []
    /// How many pages it may be found to have after a crash.
    var possibleCounts: [Int]

    init(manager: String, pages: [Page]) {
        self.manager = manager
        self.pages = pages
        possibleCounts = [pages.count]
    }

    /// The length is on its way to the disk.
    func attemptCount(_ count: Int) {
        if possibleCounts.last != count { possibleCounts.append(count) }
    }

    /// All that was written before `mark` is durable, and so is the length.
    func settle(before mark: UInt32, count: Int) {
        for position in pages.indices { pages[position].settle(before: mark) }
        possibleCounts = [count]
    }

    /// Whether it may be found with these versions.
    func allows(_ found: [UInt32]) -> Bool {
        guard possibleCounts.contains(found.count) else { return false }
        let all = pages + tail
        return found.count <= all.count
            && zip(all, found).allSatisfy { $0.versions.contains($1) }
    }
}

/// What a store has to hold: for each name the relations that may be found under it after a crash,
/// the first being the one that is used; nil stands for none.
struct StoreModel {
    let names: [String]
    private var possible: [String: [RelationModel?]]

    init(names: [String]) {
        self.names = names
        possible = Dictionary(uniqueKeysWithValues: names.map { ($0, [nil]) })
    }

    func candidates(_ name: String) -> [RelationModel?] { possible[name] ?? [nil] }

    /// The relation as it is used now.
    func current(_ name: String) -> RelationModel? { candidates(name)[0] }

    /// A change is on its way that makes the name stand for something else.
    mutating func attempt(_ name: String, _ next: RelationModel?) {
        possible[name] = [current(name), next]
    }

    /// The change counts.
    mutating func commit(_ name: String, _ next: RelationModel?) { possible[name] = [next] }

    /// The change does not count.
    mutating func revert(_ name: String) { possible[name] = [current(name)] }

    /// All relations in use.
    var relations: [RelationModel] { names.compactMap { current($0) } }

    /// All that was written before `mark` is durable, and so are these lengths.
    func settle(before mark: UInt32) {
        for relation in relations { relation.settle(before: mark, count: relation.pages.count) }
    }

    /// The engine has gone, and with it what it kept in memory.
    mutating func forgetVolatile() {
        for name in names {
            possible[name] = candidates(name).map { $0?.manager == "memory" ? nil : $0 }
        }
    }
}
