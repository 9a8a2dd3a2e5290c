internal import AsyncIO
internal import StorageManager
internal import Synchronization

/// Finding the buffers of pages without taking pins: those of one relation, or all that match.
extension BufferManager {
    /// The buffers that hold pages of a relation and match when they are looked at.
    ///
    /// Looks up block by block what is a small share of the pool, so that the time does not grow
    /// with the pool; else O(pool). Takes no time if no buffer holds a page of the relation. As
    /// PostgreSQL's `DropRelationBuffers`, but with the blocks that buffers were given instead of
    /// the length of the files.
    ///
    /// - Parameters:
    ///   - fork: which fork; nil for all.
    ///   - first: the first block.
    ///   - pool: the pool of the relation.
    func places(
        of relation: OpenRelation, _ fork: Fork? = nil, from first: BlockNumber = BlockNumber(0),
        in pool: BufferPool, _ matches: (BufferState) -> Bool = { _ in true }
    ) -> [BufferPool.Place] {
        guard let record = table.existing(relation.locator), !record.isUnused else { return [] }
        let forks = fork.map { [$0] } ?? Fork.allCases
        let lengths = forks.map { record.end(of: $0) - Int(first.rawValue) }
        if lengths.reduce(0, { $0 + max(0, $1) }) > pool.reachedCount / Self.lookUpShare {
            let word = PageTag.relationWord(relation.locator)
            return pool.places { state, tag in
                tag.relation == word && tag.block >= first
                    && (fork.map { tag.forkWord == UInt64($0.rawValue) } ?? true) && matches(state)
            }
        }
        var places: [BufferPool.Place] = []
        for (fork, length) in zip(forks, lengths) where length > 0 {
            let tag = PageTag(relation.locator, fork, first)
            pool.addPlaces(from: tag, count: length, to: &places, matches)
        }
        return places
    }

    /// Looking at every buffer costs about as much as looking up a block for each so many buffers.
    /// PostgreSQL's `BUF_DROP_FULL_SCAN_THRESHOLD`.
    private static let lookUpShare = 32
}

extension BufferPool {
    /// A page and the buffer it was seen in.
    struct Place {
        let tag: PageTag
        let index: Int
    }

    /// The buffers that match when they are looked at, without taking pins. O(pool), as far as the
    /// pool was ever used.
    func places(_ matches: (BufferState, PageTag) -> Bool) -> [Place] {
        var places: [Place] = []
        for index in 0..<reachedCount {
            let buffer = buffer(index)
            let state = buffer.state
            guard state.has(BufferState.tagValid) else { continue }
            let tag = buffer.tag
            if matches(state, tag) { places.append(Place(tag: tag, index: index)) }
        }
        return places
    }

    /// Looks up neighbouring blocks. A miss is final, as it is found under the partition's lock,
    /// which is taken once for up to sixteen of them.
    fileprivate func addPlaces(
        from first: PageTag, count: Int, to places: inout [Place],
        _ matches: (BufferState) -> Bool
    ) {
        var done = 0
        while done < count {
            let tag = first.advanced(by: done)
            let bucket = bucket(tag)
            let end = min(count, done + tag.leftInGroup)
            withPartition(bucket) {
                for step in 0..<end - done {
                    let tag = tag.advanced(by: step)
                    // Within a group the buckets are neighbours too.
                    guard let index = find(tag, bucket + step), matches(buffer(index).state) else {
                        continue
                    }
                    places.append(Place(tag: tag, index: index))
                }
            }
            done = end
        }
    }

    func sorted(_ places: [Place]) -> [Place] {
        places.sorted { left, right in
            (left.tag.relation, left.tag.page) < (right.tag.relation, right.tag.page)
        }
    }
}
