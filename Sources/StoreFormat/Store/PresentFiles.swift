package import AsyncIO
package import FileAccess
package import StorageManager

/// The files in the directories of relations, grouped by the meaning of their names, as of one
/// listing.
package struct PresentFiles {
    /// Files of relations, by number. They are in the database's directory; the paths are sorted.
    package private(set) var byNumber: [UInt32: [String]] = [:]
    /// Files with a relation's name in a directory where the store keeps no relations, by number. A
    /// storage manager of the program's own may have made them.
    package private(set) var displacedByNumber: [UInt32: [String]] = [:]
    /// Files of relations that only one session had, or has.
    package private(set) var sessionLocal: [String: RelationLocator] = [:]
    /// Files whose names mean nothing in a store.
    private var others: [String] = []
    /// Those of them whose names begin with a number, by it: a storage manager of the program's own
    /// may have made them for that relation.
    package private(set) var othersByNumber: [UInt32: [String]] = [:]

    /// The directory of relations.
    package static let directory = "base/\(Catalog.database)"

    /// Lists the directories.
    ///
    /// - Throws: `notAStore` if the database's is missing; what listing throws.
    package init(_ files: FileAccess) throws(StorageError) {
        for directory in StoreDirectory.relationDirectories {
            let kind = try files.kind(of: directory)
            // No relation is in the other.
            if kind == nil && directory != Self.directory { continue }
            guard kind == .directory else {
                throw StorageError(
                    .notAStore,
                    "directory \"\(directory)\" of the store is missing or not a directory",
                    remedy: "Restore the store from a backup.",
                    at: StorageError.Location(path: directory))
            }
            for name in try files.list(directory) {
                let path = "\(directory)/\(name)"
                switch RelationFileName(name) {
                case .relation(let number) where directory == Self.directory:
                    byNumber[number, default: []].append(path)
                case .sessionLocal(let session, let number):
                    let database = directory == Self.directory ? Catalog.database : 0
                    sessionLocal[path] = RelationLocator(
                        database: database, number: number, localTo: Int(session) - 1)
                case .relation(let number): displacedByNumber[number, default: []].append(path)
                case .other:
                    others.append(path)
                    guard let number = RelationFileName.leadingNumber(name) else { break }
                    othersByNumber[number, default: []].append(path)
                }
            }
        }
    }

    /// The numbers of files that belong neither to a relation nor to an unfinished change.
    package func strangeNumbers(_ catalog: Catalog) -> [UInt32] {
        let known = catalog.relations.numbers.union(catalog.remains.keys.map(\.number))
        let unknown = byNumber.keys.filter { !known.contains($0) }
        return Set(unknown).union(othersByNumber.keys.filter { !known.contains($0) }).sorted()
    }

    /// Whether a relation has one file, of the length that the catalog says, which this process can
    /// read: then nothing is wrong with its length, and it has no other fork. For relations in
    /// plain files.
    ///
    /// - Throws: what reading the file's status throws.
    package func isWhole(
        _ relation: RelationDescription, segmentBlocks: UInt32, _ files: FileAccess
    ) throws(StorageError) -> Bool {
        guard relation.furtherForks.isEmpty, relation.blockCount <= segmentBlocks,
            let paths = byNumber[relation.locator.number], paths.count == 1,
            paths[0] == relation.locator.description,
            let status = try files.status(of: paths[0])
        else { return false }
        return status.kind == .file && status.isReadableByOwner
            && status.size == Int64(relation.blockCount) * Int64(blockSize)
    }

    /// The relation files that the store does not know.
    ///
    /// - Parameters:
    ///   - strange: the ``strangeNumbers(_:)``.
    ///   - plugged: the numbers of relations of the program's own storage managers.
    ///   - sessionLocal: those of relations local to sessions that have ended.
    package func orphans(
        _ strange: [UInt32], plugged: Set<UInt32>, sessionLocal: some Collection<String>
    ) -> [String] {
        strange.flatMap { byNumber[$0] ?? [] }
            + displacedByNumber.filter { !plugged.contains($0.key) }.values.joined()
            + sessionLocal
    }

    /// Files whose names mean nothing in a store.
    ///
    /// - Parameter plugged: the numbers of relations of the program's own storage managers.
    package func others(plugged: Set<UInt32>) -> [String] {
        let known = Set(plugged.flatMap { othersByNumber[$0] ?? [] })
        return known.isEmpty ? others : others.filter { !known.contains($0) }
    }

    /// The paths by which the built-in storage managers find a relation's forks, and those that
    /// they would meet first beside them.
    package static func paths(of locator: RelationLocator) -> [String] {
        Fork.allCases.flatMap { paths(of: locator, $0) }
    }

    /// Those of one fork.
    package static func paths(of locator: RelationLocator, _ fork: Fork) -> [String] {
        RelationFileName.firstEnds.map { "\(locator)\(fork.suffix)\($0)" }
    }

    /// Whether a path is that of a file of a fork, as the built-in storage managers name them.
    package static func isFile(_ path: String, of locator: RelationLocator, _ fork: Fork) -> Bool {
        let name = "\(locator)\(fork.suffix)"
        return path == name || path.hasPrefix(name + ".")
    }

    /// Whether a relation of that number may have files, under whichever storage manager.
    package func mayHaveFiles(_ number: UInt32) -> Bool {
        byNumber[number] != nil || othersByNumber[number] != nil
            || displacedByNumber[number] != nil
    }
}

/// The meaning of a name in a relation directory.
package enum RelationFileName: Equatable {
    /// A file that a storage manager makes for that relation: `16384`, `16384.1`, `16384_fsm.2`,
    /// `16384.chunks`, `16384_vm.map`, `16384.map.new`. Names that only begin so are others.
    case relation(UInt32)
    /// A file of a relation that only one session has: `t3_16384`. The first number is the
    /// session's plus one.
    case sessionLocal(UInt32, UInt32)
    /// Not one of Strata's names.
    case other

    package init(_ name: String) {
        let bytes = name.utf8
        if bytes.first == UInt8(ascii: "t"),
            let underscore = bytes.firstIndex(of: UInt8(ascii: "_")),
            let session = Self.value(bytes[..<underscore].dropFirst()), session > 0,
            let number = Self.number(bytes[bytes.index(after: underscore)...])
        {
            self = .sessionLocal(session, number)
        } else if let number = Self.number(bytes[...]) {
            self = .relation(number)
        } else {
            self = .other
        }
    }

    /// The number of the relation that has a file of that name. Byte by byte, as there may be many
    /// names.
    private static func number(_ name: Substring.UTF8View) -> UInt32? {
        let digits = name.prefix { isDigit($0) }
        guard let number = value(digits), isEnd(name[digits.endIndex...]) else { return nil }
        return number
    }

    /// The number with which a name begins, whatever follows.
    static func leadingNumber(_ name: String) -> UInt32? { value(name.utf8.prefix { isDigit($0) }) }

    private static let forks = Fork.allCases.filter { $0 != .main }.map { Array($0.suffix.utf8) }
    private static let compressedKinds = [".chunks", ".map", ".map.new", ".map.new.1"]
    private static let kinds = compressedKinds.map { Array($0.utf8) }
    /// How names of a fork's files can end, of segments the first two.
    fileprivate static let firstEnds = ["", ".1"] + compressedKinds

    /// Whether a name can end so after the number: with a fork, then a segment or a part of a
    /// compressed fork.
    private static func isEnd(_ end: Substring.UTF8View) -> Bool {
        if end.isEmpty { return true }
        var rest = end
        for fork in forks where rest.starts(with: fork) {
            rest = rest.dropFirst(fork.count)
            break
        }
        if rest.isEmpty || kinds.contains(where: { rest.elementsEqual($0) }) { return true }
        guard rest.first == UInt8(ascii: "."), let segment = value(rest.dropFirst()) else {
            return false
        }
        return segment > 0
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// The value of digits without leading zeroes.
    private static func value(_ digits: Substring.UTF8View) -> UInt32? {
        if digits.isEmpty || (digits.count > 1 && digits.first == UInt8(ascii: "0")) { return nil }
        var number: UInt32 = 0
        for byte in digits {
            guard isDigit(byte) else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt32(byte - UInt8(ascii: "0")))
            if overflow || carry { return nil }
            number = sum
        }
        return number
    }
}
