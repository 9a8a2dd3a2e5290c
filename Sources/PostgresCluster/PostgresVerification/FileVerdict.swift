public import StorageManager

/// All that is to be said of one file: its findings in groups, and its pages of zeroes. Memory is
/// bounded.
public struct FileVerdict: Sendable, Hashable {
    /// The findings of one kind.
    public struct Group: Sendable, Hashable {
        /// Their kind.
        public let kind: ClusterFinding.Kind
        /// How many there are.
        public package(set) var count: UInt64 = 0
        /// The blocks concerned; empty if the findings are about the whole file.
        public package(set) var blocks = BlockRanges()
        /// The first one's reason.
        public let reason: String
    }

    /// The file, relative to the data directory.
    public let path: String
    /// What it belongs to; nil if no catalog was read that names it.
    public let owner: String?
    /// The fork; nil if it is no relation's file.
    public let fork: Fork?
    /// The findings, by kind in the order of their first ones.
    public private(set) var groups: [Group] = []
    /// Pages of zeroes: not in use yet, or overwritten. They are no finding. In map forks they are
    /// usual.
    public package(set) var zeroPages = BlockRanges()

    package init(_ path: String, owner: String?, fork: Fork?) {
        self.path = path
        self.owner = owner
        self.fork = fork
    }

    /// How many findings there are.
    public var findings: UInt64 { groups.reduce(0) { $0 + $1.count } }

    package mutating func add(_ finding: ClusterFinding) {
        let index = groups.firstIndex { $0.kind == finding.kind } ?? groups.endIndex
        if index == groups.endIndex {
            groups.append(Group(kind: finding.kind, reason: finding.reason))
        }
        groups[index].count += 1
        if let block = finding.block { groups[index].blocks.add(block) }
    }
}

extension FileVerdict.Group: CustomStringConvertible {
    /// Such as `blocks 7-9: checksum …`, or only the reason.
    public var description: String {
        let more = count > 1 ? " (the first of \(count))" : ""
        return blocks.count == 0 ? reason + more : "\(blocks): \(reason)\(more)"
    }
}

extension FileVerdict: CustomStringConvertible {
    /// One line: `file "base/5/16384" (table public.t of database app): blocks 3, 7-9: …; …`.
    public var description: String {
        "\(place): \(groups.map(\.description).joined(separator: "; "))"
    }

    /// One line about the pages of zeroes.
    public var zeroDescription: String {
        "\(place): \(zeroPages) \(zeroPages.count == 1 ? "is" : "are") all zeroes: not in use yet,"
            + " or overwritten"
    }

    private var place: String { "file \"\(path)\"" + (owner.map { " (\($0))" } ?? "") }
}
