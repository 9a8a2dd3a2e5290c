import StorageTesting

/// The kinds of damage to a store's files.
enum MutationKind: String, CaseIterable {
    case bits, noise, zeroes, truncation
    case growth
    case sparse
    case swappedBlocks, swappedFiles, restored, otherStore
    case pageHeader, linePointer, tuple, catalogField, controlField
    case mapField, chunkField, dataHeader, journalField
    case link, directory, fifo, unreadable, missing, foreign, several
    // The store is intact, but its surroundings are not.
    case readOnlyTree, descriptors, replacedLock, arguments, escapes, messages
}

/// A damaged store, and what may be expected of it.
struct Mutation {
    let kind: MutationKind
    var image: StoreImage
    var description: [String] = []
    /// The damaged files.
    var changed: Set<String> = []
    /// Whether contents have valid checksums, or are of a kind without checksums, so that wrong
    /// rows are not noticed.
    var isForged = false
    /// Whether files have an earlier state, so that what the relations had then is right too.
    var isStale = false
    /// Whether the damage does not affect the superuser.
    var needsOrdinaryUser = false
    /// Files that must be unchanged after any command.
    var survivors: Set<String> = []

    init(_ kind: MutationKind, _ image: StoreImage) {
        self.kind = kind
        self.image = image
    }
}

/// Draws damage to a store.
struct Mutator {
    var random: SplitMix64
    let base: Base
    let others: [Base]
    var mutation: Mutation

    init(_ kind: MutationKind, _ base: Base, others: [Base], random: SplitMix64) {
        self.random = random
        self.base = base
        self.others = others
        mutation = Mutation(kind, base.image)
    }

    static func draw(
        _ kind: MutationKind, _ base: Base, others: [Base], random: SplitMix64
    ) -> Mutation {
        var mutator = Mutator(kind, base, others: others, random: random)
        mutator.apply(kind)
        return mutator.mutation
    }

    private mutating func apply(_ kind: MutationKind) {
        switch kind {
        case .bits: bits()
        case .noise: noise()
        case .zeroes: zeroes()
        case .truncation: truncation()
        case .growth: longer()
        case .sparse: sparse()
        case .swappedBlocks: swappedBlocks()
        case .swappedFiles: swappedFiles()
        case .restored: restored()
        case .otherStore: otherStore()
        case .pageHeader, .linePointer, .tuple: forgePage(kind)
        case .catalogField: forgeFrame("strata.catalog")
        case .controlField: forgeFrame("strata.control")
        case .mapField: forgeMap()
        case .chunkField: forgeChunk()
        case .dataHeader: forgeDataHeader()
        case .journalField: forgeJournal()
        case .link: link()
        case .directory: directory()
        case .fifo: fifo()
        case .unreadable: unreadable()
        case .missing: missing()
        case .foreign: foreign()
        case .several:
            let kinds: [MutationKind] = [
                .bits, .noise, .zeroes, .truncation, .growth, .sparse, .missing, .directory,
                .mapField, .chunkField, .pageHeader,
            ]
            for _ in 0..<(2 + random.below(2)) { apply(kinds[random.below(kinds.count)]) }
        case .readOnlyTree, .descriptors, .replacedLock, .arguments, .escapes, .messages: break
        }
    }

    mutating func note(_ path: String, _ what: String) {
        mutation.changed.insert(path)
        mutation.description.append("\(path): \(what)")
    }

    mutating func one<Value>(of values: [Value]) -> Value { values[random.below(values.count)] }

    /// A plain file; each kind of file is equally likely.
    mutating func anyFile(where isWanted: (String) -> Bool = { _ in true }) -> String? {
        let groups = Dictionary(grouping: mutation.image.files.filter(isWanted)) { path in
            if path.hasSuffix(".chunks") { return "chunks" }
            if path.hasSuffix(".map") { return "map" }
            if path.hasPrefix("strata.journal") { return "journal" }
            return path.hasPrefix("strata.") ? path : "pages"
        }
        // Damage to the lock file tests little.
        let names = groups.keys.filter { $0 != "strata.lock" || random.below(8) == 0 }.sorted()
        guard !names.isEmpty, let group = groups[one(of: names)] else { return nil }
        return one(of: group)
    }

    mutating func file(where isWanted: (String) -> Bool = { _ in true }) -> String? {
        guard let path = anyFile(where: isWanted),
            let file = mutation.image.file(path), !file.bytes.isEmpty
        else { return nil }
        return path
    }

    func isPages(_ path: String) -> Bool {
        base.owner(of: path)?.manager == "magnetic" && !path.contains("_")
    }

    /// The block number of a page in a segment's file.
    func blockNumber(_ path: String, page: Int) -> UInt32 {
        let suffix = path.split(separator: "/").last?.split(separator: ".").dropFirst().first
        let segmentBlocks = base.name == "large" ? 131_072 : 4
        return UInt32((suffix.flatMap { Int($0) } ?? 0) * segmentBlocks + page)
    }
}
