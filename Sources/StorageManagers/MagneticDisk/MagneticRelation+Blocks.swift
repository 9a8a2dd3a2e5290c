internal import AsyncIO
internal import FileAccess
internal import StorageManager

/// Reading and writing existing blocks.
extension MagneticRelation {
    func maximumCombine(_ fork: Fork, block: BlockNumber) -> Int {
        geometry.blocksLeft(from: block)
    }

    /// An atomic write covers one block.
    func maximumWrite(_ fork: Fork, block: BlockNumber) -> Int {
        disk.writesAtomically ? 1 : maximumCombine(fork, block: block)
    }

    /// Splits at segments, and continues after short reads until the file ends.
    func read(_ fork: Fork, block: BlockNumber, into pages: Span<PageAddress>)
        throws(StorageError)
    {
        try checkRange(.read, fork, block, pages.count)
        try geometry.forEachPart(from: block, count: pages.count) {
            (first, part) throws(StorageError) in
            let file = try segment(fork, at: first)
            let length = part.count * blockSize
            let done: Int
            do throws(StorageError) {
                var transfer = SegmentTransfer(.read, on: file)
                done = try transfer.run(pages.extracting(part), at: geometry.offset(of: first))
            } catch {
                throw failure(.read, fork, first, part.count).error(error)
            }
            if done < length {
                throw failure(.read, fork, first, part.count).error(transferred: done)
            }
        }
    }

    /// Splits at segments, and continues after short writes.
    func write(
        _ fork: Fork, block: BlockNumber, from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        try disk.checkWritable(locator, fork)
        try checkRange(.write, fork, block, pages.count)
        try geometry.forEachPart(from: block, count: pages.count) {
            (first, part) throws(StorageError) in
            let file = try segment(fork, at: first)
            // Also if the write fails: part of it may have reached the file.
            defer { registerSync(of: file, sync) }
            let done: Int
            do throws(StorageError) {
                var transfer = SegmentTransfer(.write, on: file)
                done = try transfer.run(pages.extracting(part), at: geometry.offset(of: first))
            } catch {
                throw failure(.write, fork, first, part.count).error(error)
            }
            if done < part.count * blockSize {
                throw failure(.write, fork, first, part.count).error(transferred: done)
            }
        }
    }

    func startRead(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        into pages: Span<PageAddress>
    ) throws(StorageError) {
        let file: VirtualFile
        do throws(StorageError) {
            file = try define(handle, .read, fork, block, pages)
            target.set(on: handle, locator, fork, block: block, count: pages.count)
        } catch {
            handle.release()
            throw error
        }
        do throws(StorageError) {
            try file.startRead(handle, at: geometry.offset(of: block))
        } catch {
            throw failure(.read, fork, block, pages.count).error(error)
        }
    }

    func startWrite(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        let file: VirtualFile
        do throws(StorageError) {
            try disk.checkWritable(locator, fork)
            file = try define(handle, .write, fork, block, pages)
        } catch {
            handle.release()
            throw error
        }
        if disk.writesAtomically { handle.setFlags(.atomicWrite) }
        let ticket = sync == .register && !locator.isLocal ? disk.writes.add(file) : 0
        target.set(on: handle, locator, fork, block: block, count: pages.count, tag: ticket)
        do throws(StorageError) {
            try file.startWrite(handle, at: geometry.offset(of: block))
        } catch {
            disk.writes.finish(ticket)
            throw failure(.write, fork, block, pages.count).error(error)
        }
    }

    /// Fills in a handle's callbacks and memory, not its label.
    private func define(
        _ handle: borrowing IOHandle, _ operation: BlockOperation, _ fork: Fork,
        _ block: BlockNumber, _ pages: Span<PageAddress>
    ) throws(StorageError) -> VirtualFile {
        try checkRange(operation, fork, block, pages.count)
        guard !pages.isEmpty, pages.count <= geometry.blocksLeft(from: block) else {
            throw StorageError(
                .misuse,
                "an IO on \(pages.count) blocks from block \(block) crosses the end of its segment",
                remedy: "Ask maximumCombine how many blocks one IO can cover.",
                at: location(fork, block: block))
        }
        let file = try segment(fork, at: block)
        try handle.registerCallbacks(
            operation == .read ? disk.readCallbacks : disk.writeCallbacks)
        for position in pages.indices {
            try unsafe handle.appendVector(pages[position].bytes)
        }
        return file
    }

    /// Throws if block numbers are out of range.
    func checkRange(
        _ operation: BlockOperation, _ fork: Fork, _ block: BlockNumber, _ count: Int
    ) throws(StorageError) {
        guard count < 0 || Int(block.rawValue) + count > Int(BlockNumber.maximumCount) else {
            return
        }
        let what: (code: StorageError.Code, verb: String) =
            switch operation {
            case .read: (.readFailed, "read")
            case .write: (.writeFailed, "write")
            case .extend: (.extendFailed, "extend")
            }
        throw StorageError(
            what.code,
            "could not \(what.verb) \(count) blocks from block \(block) of relation "
                + "\(locator)\(fork.suffix): "
                + "it can have at most \(BlockNumber.maximumCount) blocks",
            remedy: operation == .extend
                ? "Spread the data over several relations." : "Ask for blocks that exist.",
            at: location(fork, block: block))
    }

    // MARK: Hints to the kernel

    func prefetch(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) -> Bool {
        try checkRange(.read, fork, block, count)
        if disk.capabilities.usesDirectIO { return true }
        var isComplete = true
        try geometry.forEachPart(from: block, count: count) { (first, part) throws(StorageError) in
            guard isComplete else { return }
            guard case .open(let file) = try lookUp(fork, geometry.segment(of: first)) else {
                isComplete = false
                return
            }
            try naming(fork) { () throws(StorageError) in
                try file.prefetch(
                    at: geometry.offset(of: first), count: Int64(part.count) * Int64(blockSize))
            }
        }
        return isComplete
    }

    /// Skips segments that are not open: nothing was written to them recently.
    func writeback(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) {
        try checkRange(.write, fork, block, count)
        if disk.capabilities.usesDirectIO { return }
        try geometry.forEachPart(from: block, count: count) { (first, part) throws(StorageError) in
            let number = geometry.segment(of: first)
            guard let file = withTable(fork, { $0.file(number) }) else { return }
            try naming(fork) { () throws(StorageError) in
                try file.writeback(
                    at: geometry.offset(of: first), count: Int64(part.count) * Int64(blockSize))
            }
        }
    }
}
