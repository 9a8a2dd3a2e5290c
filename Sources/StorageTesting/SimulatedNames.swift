/// The names of a ``SimulatedDisk``, and which of them a power cut would leave.
struct SimulatedNames: Sendable {
    /// The object of a name.
    enum Entry: Sendable, Hashable {
        case file(Int)
        case directory
    }

    /// A change that a sync of the directory makes durable.
    enum Change: Sendable {
        case added(String, Entry)
        case removed(String)
        case renamed(String, String, Entry)

        var path: String {
            switch self {
            case .added(let path, _), .removed(let path), .renamed(let path, _, _): path
            }
        }

        func apply(to entries: inout [String: Entry]) {
            switch self {
            case .added(let path, let entry): entries[path] = entry
            case .removed(let path): entries[path] = nil
            case .renamed(let path, let target, let entry):
                entries[path] = nil
                entries[target] = entry
            }
        }
    }

    /// What lookups find.
    var entries: [String: Entry] = ["": .directory]
    /// The entries that are certainly on the medium.
    var durable: [String: Entry] = ["": .directory]
    /// The changes since, in order.
    var volatile: [Change] = []

    static func normal(_ path: String) -> String {
        path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }

    static func parent(_ path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }

    func file(_ path: String) -> Int? {
        if case .file(let number) = entries[path] { number } else { nil }
    }

    func isDirectory(_ path: String) -> Bool { entries[path] == .directory }

    /// The paths of all files, sorted.
    var files: [String] {
        entries.compactMap { $0.value == .directory ? nil : $0.key }.sorted()
    }

    /// The names in a directory, sorted.
    func list(_ path: String) -> [String] {
        let found = entries.keys.filter { !$0.isEmpty && Self.parent($0) == path }
        return found.map { String($0.dropFirst(path.isEmpty ? 0 : path.count + 1)) }.sorted()
    }

    mutating func record(_ change: Change) {
        change.apply(to: &entries)
        volatile.append(change)
    }

    private mutating func takeVolatile(in directory: String) -> [Change] {
        let changes = volatile.filter { Self.parent($0.path) == directory }
        volatile.removeAll { Self.parent($0.path) == directory }
        return changes
    }

    /// A successful sync of a directory.
    mutating func settle(_ directory: String) {
        for change in takeVolatile(in: directory) { change.apply(to: &durable) }
    }

    /// A failed sync of a directory: a random prefix of its changes has become durable.
    mutating func abandon(_ directory: String, _ random: inout SplitMix64) {
        let changes = takeVolatile(in: directory)
        for change in changes.prefix(random.below(changes.count + 1)) {
            change.apply(to: &durable)
        }
    }

    mutating func settleAll() {
        durable = entries
        volatile = []
    }

    /// Removes a file without a trace.
    mutating func erase(_ path: String) {
        entries[path] = nil
        durable[path] = nil
        volatile.removeAll { $0.path == path }
    }

    /// Returns what a power cut leaves.
    ///
    /// - Parameter keepsOrder: whether that is a prefix of all changes, or any subset.
    /// - Returns: the names, and how many changes were dropped.
    func surviving(_ random: inout SplitMix64, keepsOrder: Bool) -> (SimulatedNames, dropped: Int) {
        var result = SimulatedNames()
        result.durable = durable
        var dropped = 0
        let kept = random.below(volatile.count + 1)
        let mood = random.below(3)
        for (position, change) in volatile.enumerated() {
            let stays =
                keepsOrder ? position < kept : mood == 0 || mood == 1 && random.below(2) == 0
            if stays { change.apply(to: &result.durable) } else { dropped += 1 }
        }
        // The contents of a directory that was not kept are lost with it.
        let found = result.durable
        for path in found.keys where !path.isEmpty && !Self.isReachable(path, found) {
            result.durable[path] = nil
        }
        result.entries = result.durable
        return (result, dropped)
    }

    private static func isReachable(_ path: String, _ entries: [String: Entry]) -> Bool {
        var path = parent(path)
        while !path.isEmpty {
            if entries[path] != .directory { return false }
            path = parent(path)
        }
        return true
    }
}
