/// What a store may hold, according to what a program reported until it was killed.
///
/// A page has marks: the durable one, and those written since. Any of them may be found.
struct StoreModel {
    typealias Pages = [[Int]]

    /// The possible states of each relation; nil stands for no relation. There is one state if
    /// everything is acknowledged.
    private var possible: [String: [Pages?]] = [:]
    /// The relation being changed, until the change is acknowledged.
    private var pending: String?
    /// Whether the next acknowledgement makes all pages durable.
    private var isCheckpoint = false
    /// How many changes were acknowledged.
    private(set) var acknowledged = 0

    private func settled(_ name: String) -> Pages? { possible[name]?.last ?? nil }

    /// Processes a line of the program's output. Returns false if it means nothing.
    mutating func note(_ line: Substring) -> Bool {
        let words = line.split(separator: " ")
        let numbers = words.dropFirst(2).compactMap { Int($0) }
        let name = words.count > 1 ? String(words[1]) : ""
        switch words.first {
        case "open": return true
        case "load": begin(name, Array(repeating: [numbers[1]], count: numbers[0]))
        case "append", "extend":
            let new = Array(repeating: [numbers[1]], count: numbers[0])
            begin(name, (settled(name) ?? []) + new)
            // An extension ends with a checkpoint.
            isCheckpoint = words[0] == "extend"
        case "drop": begin(name, nil)
        case "rewrite":
            guard var pages = settled(name) else { return false }
            pages[numbers[0]].append(numbers[1])
            possible[name] = [pages]
        case "checkpoint": isCheckpoint = true
        case "ok": acknowledge()
        default: return false
        }
        return true
    }

    private mutating func begin(_ name: String, _ pages: Pages?) {
        possible[name] = [settled(name), pages]
        pending = name
    }

    private mutating func acknowledge() {
        acknowledged += 1
        if let name = pending { possible[name] = [settled(name)] }
        pending = nil
        guard isCheckpoint else { return }
        isCheckpoint = false
        for name in possible.keys {
            possible[name] = [settled(name).map { pages in pages.map { [$0[$0.count - 1]] } }]
        }
    }

    /// Compares the model with what was found, and continues from that.
    ///
    /// - Returns: what is impossible.
    mutating func settle(_ found: [String: [Int]]) -> [String] {
        var faults: [String] = []
        for name in Set(possible.keys).union(found.keys).sorted() {
            let marks = found[name]
            let isPossible = (possible[name] ?? [nil]).contains { pages in
                guard let pages, let marks else { return pages == nil && marks == nil }
                return pages.count == marks.count
                    && zip(pages, marks).allSatisfy { $0.contains($1) }
            }
            if !isPossible {
                let found = marks.map { "\($0)" } ?? "gone"
                faults.append("\(name) is \(found), not one of \(possible[name] ?? [])")
            }
        }
        possible = found.mapValues { [$0.map { [$0] }] }
        pending = nil
        isCheckpoint = false
        return faults
    }
}
