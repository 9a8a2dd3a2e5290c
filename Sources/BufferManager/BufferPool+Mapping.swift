internal import AsyncIO
internal import StorageManager
internal import Synchronization

/// What looking for a page found.
enum Lookup {
    /// The buffer, now pinned, and its state after that.
    case pinned(Int, BufferState)
    /// Not there, or it moved while we looked: ask again under the lock.
    case absent
    /// The page has as many pins as the state can count.
    case overflow
}

/// The mapping from pages to buffers: chains through the descriptors.
///
/// Looking takes no lock. A walker may be led astray when a buffer changes its page meanwhile, so
/// its walk is bounded and what it finds is verified after pinning; not finding is final only under
/// the partition's lock, under which chains change.
extension BufferPool {
    @inline(__always)
    func bucket(_ tag: PageTag) -> Int { tag.bucket(mask: bucketMask) }

    func withPartition<Result>(_ bucket: Int, _ body: () -> Result) -> Result {
        let partition = (bucket >> 4) & (Self.partitionCount - 1)
        return unsafe partitions[partition].lock.withLock(body)
    }

    func pinResident(_ tag: PageTag, ring: Bool) -> Lookup {
        tables.pinResident(tag, ring: ring)
    }

    private func pin(_ index: Int, _ tag: PageTag, ring: Bool) -> Lookup {
        tables.pin(index, tag, ring: ring)
    }

    func likelyIndex(_ tag: PageTag) -> Int? { tables.likelyIndex(tag) }

    /// Finds and pins a page, with certainty.
    func pinResidentLocked(_ tag: PageTag, ring: Bool) -> Lookup {
        let bucket = bucket(tag)
        return withPartition(bucket) {
            guard let index = find(tag, bucket) else { return .absent }
            return pin(index, tag, ring: ring)
        }
    }

    /// Looks along a chain. Under the partition's lock.
    private func find(_ tag: PageTag, _ bucket: Int) -> Int? {
        var link = unsafe buckets[bucket].load(ordering: .relaxed)
        while link != 0 {
            let index = Int(link &- 1)
            if buffer(index).hasTag(tag) { return index }
            link = unsafe buffer(index).descriptor.pointee.next.load(ordering: .relaxed)
        }
        return nil
    }

    /// Gives a claimed, untagged buffer to a page, which is not valid yet; or, if another thread was
    /// faster, pins the buffer that has the page and gives the claimed one back.
    ///
    /// - Returns: the page's buffer, pinned once by the caller, and whether it is the claimed one.
    ///
    /// - Parameter flags: what the new buffer's state has besides, from the first moment on.
    func install(
        _ index: Int, _ tag: PageTag, _ record: RelationRecord, ring: Bool = false,
        flags: UInt64 = 0
    ) -> (lookup: Lookup, isNew: Bool) {
        let buffer = buffer(index)
        let bucket = bucket(tag)
        let found: Lookup = withPartition(bucket) {
            if let other = find(tag, bucket) { return pin(other, tag, ring: ring) }
            unsafe buffer.descriptor.pointee.tagRelation.store(tag.relation, ordering: .relaxed)
            unsafe buffer.descriptor.pointee.tagPage.store(tag.page, ordering: .relaxed)
            retainRecord(record, for: buffer)
            let head = unsafe buckets[bucket].load(ordering: .relaxed)
            unsafe buffer.descriptor.pointee.next.store(head, ordering: .relaxed)
            buffer.publish(
                BufferState.onePin | BufferState.oneUse | BufferState.tagValid
                    | (isLocal ? 0 : BufferState.permanent) | flags)
            unsafe buckets[bucket].store(UInt32(index + 1), ordering: .releasing)
            return .absent
        }
        if case .absent = found {
            return (.pinned(index, buffer.state), true)
        }
        buffer.publish(0)
        return (found, false)
    }

    /// Takes a claimed buffer's page out of the mapping, if nobody pinned or changed it since.
    ///
    /// - Parameter discarding: let it go even if it is dirty.
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
            unlink(index, bucket)
            return true
        }
        if removed { releaseRecord(buffer) }
        return removed
    }

    /// Takes a buffer out of its chain. Under the partition's lock.
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
