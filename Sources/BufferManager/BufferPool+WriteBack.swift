internal import AsyncIO
internal import PageFormat
internal import StorageManager
internal import Synchronization

/// Writing pages out, together with their dirty neighbours up to the combine limit.
///
/// A page is copied under its content lock, shared; the copy gets its checksum and is written. So
/// nobody who reads, pins or changes the page waits for the disk, and what is written has the
/// checksum of what is written.
extension BufferPool {
    /// Writes a page out, if it is dirty. The caller keeps the buffer from changing its page.
    ///
    /// Waits for the content lock and for others that write the page, unless it is in a hurry.
    /// Nothing may be staged that such a holder could wait for: staged IO is submitted first.
    ///
    /// - Parameter hurry: rather leave the page dirty than wait; neighbours only if unpinned.
    /// - Throws: what the storage threw; the pages then stay dirty.
    func writeOut(_ index: Int, _ session: Session, hurry: Bool) throws(StorageError) {
        let buffer = buffer(index)
        let tag = buffer.tag
        while true {
            switch buffer.startOutput(tag) {
            case .needless:
                return
            case .busy:
                if hurry { return }
                try buffer.waitForIO(session)
            case .started:
                if hurry {
                    guard buffer.tryLockShared() else {
                        buffer.endOutput(written: false)
                        return
                    }
                } else {
                    session.submitStaged()
                    buffer.lockShared()
                }
                return try writeRun(index, tag, session, onlyUnpinned: hurry)
            }
        }
    }

    /// Writes a page whose output the caller has started and whose lock it holds, and its
    /// neighbours.
    private func writeRun(
        _ index: Int, _ tag: PageTag, _ session: Session, onlyUnpinned: Bool
    ) throws(StorageError) {
        let relation = buffer(index).withRecord { $0.relation }
        let copies = scratch.take()
        defer { scratch.giveBack(copies) }
        copy(index, to: copies, at: 0)

        let limit = min(
            combineLimit, relation.storage.maximumCombine(tag.fork, block: tag.block),
            Int(BlockNumber.maximumCount) - Int(tag.block.rawValue))
        var run = [index]
        while run.count < limit {
            let next = tag.advanced(by: run.count)
            guard let neighbour = likelyIndex(next),
                case .started = buffer(neighbour).startOutput(next, onlyUnpinned: onlyUnpinned)
            else { break }
            guard buffer(neighbour).tryLockShared() else {
                buffer(neighbour).endOutput(written: false)
                break
            }
            copy(neighbour, to: copies, at: run.count)
            run.append(neighbour)
        }
        try write(run, tag, relation, copies, session)
    }

    /// Copies a page and gives its lock back.
    private func copy(_ index: Int, to copies: PageAddress, at position: Int) {
        unsafe (copies.pointer + position * blockSize).copyMemory(
            from: address(index).pointer, byteCount: blockSize)
        buffer(index).unlockShared()
    }

    private func write(
        _ run: [Int], _ tag: PageTag, _ relation: OpenRelation, _ copies: PageAddress,
        _ session: Session
    ) throws(StorageError) {
        var addresses: [PageAddress] = []
        addresses.reserveCapacity(run.count)
        for position in run.indices {
            let page = unsafe copies.pointer + position * blockSize
            if verifiesChecksums {
                var editor = unsafe PageEditor(unsafePage: page)
                editor.setChecksum(block: tag.block.rawValue + UInt32(position))
            }
            unsafe addresses.append(PageAddress(page))
        }
        do throws(StorageError) {
            try relation.storage.write(
                tag.fork, block: tag.block, from: addresses.span, sync: isLocal ? .skip : .register)
        } catch {
            for index in run { buffer(index).endOutput(written: false, failed: true) }
            throw error
        }
        unsafe BufferCounters.count(tally(session).pointee.writes, run.count)
        unsafe BufferCounters.count(tally(session).pointee.writeOperations)
        for index in run { buffer(index).endOutput(written: true) }
    }
}
