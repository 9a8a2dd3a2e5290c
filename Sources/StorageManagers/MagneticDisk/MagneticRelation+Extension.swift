internal import AsyncIO
internal import FileAccess
internal import StorageManager

/// Growing a fork. Callers must serialise extensions and truncations of one relation; readers and
/// `blockCount` may run meanwhile.
extension MagneticRelation {
    /// Adds one page. Blocks between the old end and the page read as zeroes.
    ///
    /// - Throws: `extendFailed`, after removing a partial page.
    func extend(_ fork: Fork, at block: BlockNumber, with page: PageAddress, sync: SyncPolicy)
        throws(StorageError)
    {
        try disk.checkWritable(locator, fork)
        try checkRange(.extend, fork, block, 1)
        let file = try segmentToExtend(fork, block, count: 1)
        defer { registerSync(of: file, sync) }
        let offset = geometry.offset(of: block)
        let failure = failure(.extend, fork, block, 1)
        let done: Int
        do throws(StorageError) {
            let pages = InlineArray<1, PageAddress>(repeating: page)
            var transfer = SegmentTransfer(.extend, on: file)
            done = try transfer.run(pages.span, at: offset)
        } catch {
            cutPartialBlock(file, at: offset)
            throw failure.error(error)
        }
        if done < blockSize {
            cutPartialBlock(file, at: offset)
            throw failure.error(transferred: done)
        }
    }

    /// Adds pages of zeroes.
    ///
    /// - Throws: `extendFailed`. The segment that failed has its old length again; segments filled
    ///   before it stay.
    func zeroExtend(_ fork: Fork, from block: BlockNumber, count: Int, sync: SyncPolicy)
        throws(StorageError)
    {
        try disk.checkWritable(locator, fork)
        try checkRange(.extend, fork, block, count)
        try geometry.forEachPart(from: block, count: count) { (first, part) throws(StorageError) in
            let file = try segmentToExtend(fork, first, count: part.count)
            defer { registerSync(of: file, sync) }
            do throws(StorageError) {
                try file.zeroExtend(
                    from: geometry.offset(of: first), count: Int64(part.count * blockSize))
            } catch {
                throw failure(.extend, fork, first, part.count).error(error)
            }
        }
    }

    /// Returns the segment for `count` blocks from `block` on. Creates it if it is the next one,
    /// after filling up those before it with zeroes.
    private func segmentToExtend(_ fork: Fork, _ block: BlockNumber, count: Int)
        throws(StorageError) -> VirtualFile
    {
        let number = geometry.segment(of: block)
        let file: VirtualFile
        if let open = withTable(fork, { $0.file(number) }) {
            file = open
        } else {
            file = try withTable(fork) { (table) throws(StorageError) in
                try table.change { (files) throws(StorageError) in
                    while files.count <= number { try createNext(fork, &files) }
                    return files[number]
                }
            }
        }
        if count == geometry.blocksLeft(from: block) { try willFill(fork, file, number) }
        return file
    }

    private func createNext(_ fork: Fork, _ files: inout [VirtualFile]) throws(StorageError) {
        let path = geometry.path(locator, fork, segment: files.count)
        guard let last = files.last else {
            do throws(StorageError) {
                files.append(try disk.files.open(path, []))
            } catch {
                throw failedOpening(error, fork, path)
            }
            return
        }
        if try blocksInSegment(last, fork) < geometry.blocks {
            try willFill(fork, last, files.count - 1)
            do throws(StorageError) {
                try last.truncate(to: geometry.fullSize)
            } catch {
                throw StorageError(
                    .extendFailed, "could not extend file \"\(last.path)\" to its full size",
                    remedy: error.remedy, at: location(fork, path: last.path),
                    errorNumber: error.errorNumber,
                    underlying: error.errorNumber == nil ? error : nil)
            }
            registerSync(of: last, .register)
        }
        // An open that fails may have made the file, which the next attempt then finds.
        disk.syncQueue.registerDirectory(of: path)
        do throws(StorageError) {
            files.append(try disk.files.open(path, [.create]))
        } catch {
            throw failedOpening(error, fork, path)
        }
    }

    /// Checks, before a segment becomes full, that the file behind it holds no stale blocks.
    private func willFill(_ fork: Fork, _ file: VirtualFile, _ segment: Int) throws(StorageError) {
        if try blocksInSegment(file, fork) < geometry.blocks {
            try refuseLeftSegment(fork, segment + 1)
        }
    }

    /// Removes a partial block that a failed extension left at the end of the file.
    private func cutPartialBlock(_ file: VirtualFile, at offset: Int64) {
        // One that stays does no harm, because it never counts.
        guard let size = try? file.size(), size > offset, size < offset + Int64(blockSize) else {
            return
        }
        try? file.truncate(to: offset)
    }
}
