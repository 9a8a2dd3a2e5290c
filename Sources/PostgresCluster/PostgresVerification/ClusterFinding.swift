public import StorageManager

/// Something wrong in a data directory.
public struct ClusterFinding: Sendable, Hashable {
    /// What is wrong.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// A page's checksum or header is wrong.
        case damagedPage = "damaged page"
        /// A page is of another access method than its file: it belongs elsewhere.
        case foreignPage = "foreign page"
        /// A line pointer or a tuple is impossible, although its page's checksum is right.
        case damagedItem = "damaged item"
        /// A value that is stored out of line is not complete.
        case damagedValue = "damaged value"
        /// A page, file or folder is there and cannot be read.
        case unreadable
        /// A file or folder is missing that a catalog, a link or another file says must exist.
        case missing
        /// A file ends too early, too late, or within a block.
        case wrongLength = "wrong length"
        /// Something else stands where a file or folder belongs, or a file has a number that is out
        /// of range.
        case misplaced
        /// A small file, such as a map of file numbers, is damaged.
        case damagedFile = "damaged file"
    }

    /// What is wrong.
    public let kind: Kind
    /// The file or folder, relative to the data directory.
    public let path: String
    /// What the file belongs to, such as `table public.t of database app`; nil if no catalog was
    /// read that names it.
    public package(set) var owner: String?
    /// The fork; nil if it is no relation's file.
    public let fork: Fork?
    /// The block, counted across all segments; nil if the finding is about the whole file.
    public let block: UInt32?
    /// The line pointer on the page; nil if the finding is about the whole page.
    public let linePointer: UInt16?
    /// What is wrong, in words that do not repeat its place.
    public let reason: String

    package init(
        _ kind: Kind, _ path: String, owner: String? = nil, fork: Fork? = nil,
        block: UInt32? = nil, linePointer: UInt16? = nil, _ reason: String
    ) {
        self.kind = kind
        self.path = path
        self.owner = owner
        self.fork = fork
        self.block = block
        self.linePointer = linePointer
        self.reason = reason
    }
}

extension ClusterFinding: CustomStringConvertible {
    /// Such as `file "base/5/16384", block 7, line pointer 3: …`.
    public var description: String {
        var place = ["file \"\(path)\""]
        if let owner { place[0] += " (\(owner))" }
        if let block { place.append("block \(block)") }
        if let linePointer { place.append("line pointer \(linePointer)") }
        return "\(place.joined(separator: ", ")): \(reason)"
    }
}

/// Something that could not be judged: it may be right or wrong.
public struct ClusterDoubt: Sendable, Hashable {
    /// The file or folder, relative to the data directory; nil if it is about more than one.
    public let path: String?
    /// What the file belongs to; nil if unknown.
    public let owner: String?
    /// What could not be checked, and why.
    public let reason: String

    package init(_ path: String?, owner: String? = nil, _ reason: String) {
        self.path = path
        self.owner = owner
        self.reason = reason
    }
}

extension ClusterDoubt: CustomStringConvertible {
    /// Such as `could not be checked: file "base/5/16384": …`.
    public var description: String {
        let place = path.map { "file \"\($0)\"" + (owner.map { " (\($0))" } ?? "") + ": " } ?? ""
        return "could not be checked: \(place)\(reason)"
    }
}
