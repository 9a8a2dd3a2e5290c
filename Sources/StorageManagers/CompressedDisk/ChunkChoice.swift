internal import StorageManager

/// A copy of a chunk in a data file.
struct ChunkCopy {
    let header: ChunkHeader
    let unit: UInt32
    /// Whether it is completely as it was written.
    let isWhole: Bool
}

/// Chooses, among the copies of chunks in a data file, those that make up the fork.
///
/// A file also has copies that do not belong to the fork: replaced ones, and remains of changes
/// that a crash has undone. The last trace distinguishes them: the copies chosen are those whose
/// digests match the trace's. If none match, a chunk's newest copy may be an older state of it, so
/// the chunks of that group are lost. Chunks newer than the trace are taken.
struct ChunkChoice {
    /// For each chunk, the copy that belongs to the fork, or would if it is not doubtful.
    private(set) var chosen: [UInt32: ChunkCopy] = [:]
    /// Chunks whose copies may be older than the fork's.
    private(set) var doubtful: Set<UInt32> = []
    /// Whether the trace shows that all chunks not chosen are zeroes.
    private(set) var isComplete = true

    /// A chunk with its copies, the newest first.
    private typealias Candidates = (chunk: UInt32, copies: [ChunkCopy])

    /// Without a trace that records generations: the newest copy of each chunk.
    ///
    /// - Parameter copies: the copies of each chunk, newest first.
    init(newestOf copies: [UInt32: [ChunkCopy]]) {
        chosen = copies.compactMapValues(\.first)
        isComplete = false
    }

    /// - Parameters:
    ///   - copies: the copies of each chunk, newest first.
    ///   - trace: the file's last trace.
    ///   - stored: what it records of chunks.
    ///   - chunkPages: pages in a full chunk.
    /// - Complexity: O(copies).
    init(
        of copies: [UInt32: [ChunkCopy]], _ trace: ForkTrace, _ stored: StoredChunks,
        chunkPages: Int
    ) {
        let chunkCount = ForkDimensions.chunkCount(of: trace.blockCount, chunkPages)
        var groups = [[Candidates]](repeating: [], count: StoredChunks.groupCount)
        for (chunk, copies) in copies {
            if let newest = copies.first, newest.header.generation >= trace.generation {
                chosen[chunk] = newest
            }
            let group = stored.group(of: Int(chunk))
            guard group < groups.count, Int(chunk) < chunkCount else { continue }
            let candidates = copies.filter { copy in
                let header = copy.header
                return header.generation < trace.generation
                    && trace.cuts.kept(
                        of: chunk, generation: header.generation, header.pageCount) > 0
            }
            if !candidates.isEmpty { groups[group].append((chunk, candidates)) }
        }
        for (group, candidates) in groups.enumerated() {
            choose(candidates, stored.groups[group])
        }
    }

    private mutating func choose(_ candidates: [Candidates], _ digest: UInt64) {
        func hash(_ chunk: UInt32, _ copy: ChunkCopy) -> UInt64 {
            StoredChunks.hash(Int(chunk), generation: copy.header.generation)
        }
        func take(_ chunk: UInt32, _ copy: ChunkCopy?) {
            // A copy newer than the trace takes precedence.
            if chosen[chunk] == nil { chosen[chunk] = copy }
        }
        let sum = candidates.reduce(0) { $0 &+ hash($1.chunk, $1.copies[0]) }
        let others = sum == digest ? [:] : Self.others(candidates, digest &- sum, hash)
        guard let others else {
            isComplete = false
            for (chunk, copies) in candidates where chosen[chunk] == nil {
                doubtful.insert(chunk)
                take(chunk, copies[0])
            }
            return
        }
        for (chunk, copies) in candidates {
            take(chunk, others[chunk] ?? copies[0])
        }
    }

    /// Up to two chunks of a group for which another copy than the newest, or none, changes the sum
    /// of hashes by the given amount; nil if there are none.
    private static func others(
        _ candidates: [Candidates], _ difference: UInt64,
        _ hash: (UInt32, ChunkCopy) -> UInt64
    ) -> [UInt32: ChunkCopy?]? {
        typealias Other = (chunk: UInt32, copy: ChunkCopy?)
        var byChange: [UInt64: Other] = [:]
        for (chunk, copies) in candidates {
            let newest = hash(chunk, copies[0])
            for copy in copies.dropFirst() { byChange[hash(chunk, copy) &- newest] = (chunk, copy) }
            byChange[0 &- newest] = (chunk, nil)
        }
        if let other = byChange[difference] { return [other.chunk: other.copy] }
        for (change, other) in byChange {
            if let second = byChange[difference &- change], second.chunk != other.chunk {
                return [other.chunk: other.copy, second.chunk: second.copy]
            }
        }
        return nil
    }
}
