internal import AsyncIO
internal import StorageManager
internal import Synchronization
internal import Threads

/// The outcome of looking up a page.
enum Lookup {
    /// The buffer, now pinned, and its state after that.
    case pinned(Int, BufferState)
    /// Not found, or it moved meanwhile: look again under the lock.
    case absent
    /// The page has as many pins as the state can count.
    case overflow
}

/// The mapping from pages to buffers: chains through the descriptors.
///
/// Looking takes no lock. A walker may be led astray if a buffer changes its page meanwhile, so its
/// walk is bounded and what it finds is verified after pinning. Only a miss under the partition's
/// lock, under which chains change, is final.
extension BufferPool {
    @inline(__always)
    func bucket(_ tag: PageTag) -> Int { tag.bucket(mask: bucketMask) }

    func withPartition<Result>(_ bucket: Int, _ body: () -> Result) -> Result {
        let partition = (bucket / Int(PageTag.group)) & (Self.partitionCount - 1)
        return unsafe partitions[partition].lock.withLock(body)
    }

    func pinResident(_ tag: PageTag, ring: Bool) -> Lookup {
        tables.pinResident(tag, ring: ring)
    }

    private func pin(_ index: Int, _ tag: PageTag, ring: Bool) -> Lookup {
        tables.pin(index, tag, ring: ring)
    }

    func likelyIndex(_ tag: PageTag) -> Int? { tables.likelyIndex(tag) }

    /// Finds and pins a page. A miss is final.
    func pinResidentLocked(_ tag: PageTag, ring: Bool) -> Lookup {
        let bucket = bucket(tag)
        return withPartition(bucket) {
            guard let index = find(tag, bucket) else { return .absent }
            return pin(index, tag, ring: ring)
        }
    }

    /// Walks a chain. Under the partition's lock.
    func find(_ tag: PageTag, _ bucket: Int) -> Int? {
        var link = unsafe buckets[bucket].load(ordering: .relaxed)
        while link != 0 {
            let index = Int(link &- 1)
            if buffer(index).hasTag(tag) { return index }
            link = unsafe buffer(index).descriptor.pointee.next.load(ordering: .relaxed)
        }
        return nil
    }

    /// Assigns a claimed, untagged buffer to a page, which is not valid yet. If another thread was
    /// faster, pins the buffer that has the page and gives the claimed one back.
    ///
    /// - Parameter flags: additional flags of the new buffer's state, set from the start.
    /// - Returns: the page's buffer, pinned once by the caller, and whether it is the claimed one.
    func install(
        _ index: Int, _ tag: PageTag, _ record: RelationRecord, ring: Bool = false,
        flags: UInt64 = 0
    ) -> (lookup: Lookup, isNew: Bool) {
        var place = UInt32(index)
        let (count, found) = unsafe install(
            &place, count: 1, from: tag, record, ring: ring, flags: flags)
        return count == 1 ? (.pinned(index, buffer(index).state), true) : (found, false)
    }

    /// Assigns claimed, untagged buffers to neighbouring pages, which are not valid yet, up to the
    /// first page that already has a buffer. Gives the rest back.
    ///
    /// Neighbours share a partition, so its lock is taken once for up to sixteen of them.
    ///
    /// - Returns: how many pages got a buffer, each pinned once by the caller; and the first page's
    ///   buffer, pinned, if it already had one.
    func install(
        _ places: UnsafeMutablePointer<UInt32>, count: Int, from first: PageTag,
        _ record: RelationRecord, ring: Bool = false, flags: UInt64 = 0
    ) -> (count: Int, found: Lookup) {
        record.addUses(count)
        record.willHold(first, count: count)
        let opaque = unsafe UInt(bitPattern: Unmanaged.passUnretained(record).toOpaque())
        let state =
            BufferState.onePin | BufferState.oneUse | BufferState.tagValid
            | (isLocal ? 0 : BufferState.permanent) | flags
        var done = 0
        var found = Lookup.absent
        while done < count {
            let tag = first.advanced(by: done)
            let bucket = bucket(tag)
            let end = min(count, done + tag.leftInGroup)
            let isComplete = withPartition(bucket) {
                for step in 0..<end - done {
                    let tag = tag.advanced(by: step)
                    // Within a group the buckets are neighbours too.
                    let bucket = bucket + step
                    if let other = find(tag, bucket) {
                        if done + step == 0 { found = pin(other, tag, ring: ring) }
                        done += step
                        return false
                    }
                    unsafe link(Int(places[done + step]), tag, bucket, opaque, state)
                }
                done = end
                return true
            }
            if !isComplete { break }
        }
        if done < count {
            record.dropUses(count - done)
            for position in done..<count { unsafe release(untagged: Int(places[position])) }
        }
        return (done, found)
    }

    /// Links a buffer with its new page into the chain. Under the partition's lock.
    @inline(__always)
    private func link(
        _ index: Int, _ tag: PageTag, _ bucket: Int, _ record: UInt, _ state: UInt64
    ) {
        let buffer = buffer(index)
        unsafe buffer.descriptor.pointee.tagRelation.store(tag.relation, ordering: .relaxed)
        unsafe buffer.descriptor.pointee.tagPage.store(tag.page, ordering: .relaxed)
        unsafe buffer.descriptor.pointee.record.store(record, ordering: .relaxed)
        let head = unsafe buckets[bucket].load(ordering: .relaxed)
        unsafe buffer.descriptor.pointee.next.store(head, ordering: .relaxed)
        buffer.publish(state)
        unsafe buckets[bucket].store(UInt32(index + 1), ordering: .releasing)
    }

    /// Removes a claimed buffer's page from the mapping, if nothing pinned or changed it since.
    ///
    /// - Parameter discarding: removes the page even if it is dirty.
    /// - Returns: whether the buffer is untagged now, still claimed.
    func uninstall(_ index: Int, discarding: Bool = false) -> Bool {
        let buffer = buffer(index)
        let tag = buffer.tag
        let bucket = bucket(tag)
        let removed = withPartition(bucket) {
            var old = buffer.state
            while true {
                assert(old.has(BufferState.claimed), "only claimed buffers change their page")
                if old.pins != 1 || old.has(BufferState.ioInProgress) { return false }
                if old.has(BufferState.dirty) && !discarding { return false }
                let new = BufferState(BufferState.onePin | BufferState.claimed)
                if buffer.exchange(&old, new) { break }
            }
            buffer.moveVersion()
            buffer.withRecord { $0.didEvict(tag) }
            unlink(index, bucket)
            return true
        }
        if removed { dropRecord(buffer) }
        return removed
    }

    /// Removes a buffer from its chain. Under the partition's lock.
    private func unlink(_ index: Int, _ bucket: Int) {
        let following = unsafe buffer(index).descriptor.pointee.next.load(ordering: .relaxed)
        var link = unsafe buckets[bucket].load(ordering: .relaxed)
        if link == UInt32(index + 1) {
            unsafe buckets[bucket].store(following, ordering: .releasing)
            return
        }
        while link != 0 {
            let previous = buffer(Int(link &- 1))
            link = unsafe previous.descriptor.pointee.next.load(ordering: .relaxed)
            if link == UInt32(index + 1) {
                unsafe previous.descriptor.pointee.next.store(following, ordering: .releasing)
                return
            }
        }
        preconditionFailure("a tagged buffer stands in its bucket's chain")
    }
}
