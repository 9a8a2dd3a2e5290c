internal import AsyncIO
internal import FileAccess
internal import StorageManager

/// The length of a fork, and making it shorter or durable.
extension MagneticRelation {
    /// Walks from the last open segment to the first that is not full. A part of a block at the
    /// end does not count.
    ///
    /// - Complexity: one `fstat`, and one open for each segment that was not open yet.
    /// - Throws: `notFound` when the fork does not exist.
    func blockCount(_ fork: Fork) throws(StorageError) -> UInt32 {
        var number = 0
        var file: VirtualFile
        if let last = withTable(fork, { $0.last() }) {
            (number, file) = last
        } else {
            file = try segment(fork, at: 0)
        }
        while true {
            let blocks = try blocksInSegment(file, fork)
            if blocks == geometry.blocks, case .open(let next) = try lookUp(fork, number + 1) {
                number += 1
                file = next
                continue
            }
            let total = geometry.firstBlock(of: number) + blocks
            guard total <= UInt64(BlockNumber.maximumCount) else {
                throw StorageError(
                    .damagedSegment,
                    "relation \(locator)\(fork.suffix) has \(total) blocks, "
                        + "more than the \(BlockNumber.maximumCount) that there can be",
                    remedy: "Open the store with the segment size that it was written with.",
                    at: location(fork, path: file.path))
            }
            return UInt32(total)
        }
    }

    /// Cuts from the last segment on, so that a crash in between leaves a valid, longer fork.
    /// Segments that no longer count stay, with no bytes.
    ///
    /// Their files are let go of, not closed: a `blockCount` that runs meanwhile may hold one.
    /// Segments behind them that do not count already, since a crash has left one before them short,
    /// are emptied as well: they would stand in the way of growing.
    ///
    /// - Throws: `truncateFailed`.
    func truncate(_ fork: Fork, to count: UInt32, session: Session) throws(StorageError) {
        try disk.checkWritable(locator, fork)
        // Opens all segments that count.
        if try blockCount(fork) > count {
            try withTable(fork) { (table) throws(StorageError) in
                try table.change { (files) throws(StorageError) in
                    try cut(fork, &files, to: count)
                }
            }
        }
        var segment = (Int(count) + Int(geometry.blocks) - 1) / Int(geometry.blocks)
        while true {
            let path = geometry.path(locator, fork, segment: max(1, segment))
            guard try fileExists(fork, path) else { return }
            try empty(fork, path)
            segment = max(1, segment) + 1
        }
    }

    /// Removes what is in a segment that does not count.
    private func empty(_ fork: Fork, _ path: String) throws(StorageError) {
        let file: VirtualFile
        do throws(StorageError) {
            // Opening anything but a file, such as a named pipe, could wait for ever.
            guard try disk.files.kind(of: path) == .file else { return }
            file = try disk.files.open(path, [])
            if try file.size() == 0 { return }
            try file.truncate(to: 0)
        } catch {
            throw StorageError(
                .truncateFailed, "could not empty file \"\(path)\"", remedy: error.remedy,
                at: location(fork, path: path), errorNumber: error.errorNumber,
                underlying: error.errorNumber == nil ? error : nil)
        }
        registerSync(of: file, .register)
    }

    private func cut(_ fork: Fork, _ files: inout [VirtualFile], to count: UInt32)
        throws(StorageError)
    {
        while let file = files.last {
            let first = geometry.firstBlock(of: files.count - 1)
            guard first + UInt64(geometry.blocks) > UInt64(count) else { return }
            let kept = first < UInt64(count) ? UInt64(count) - first : 0
            do throws(StorageError) {
                try file.truncate(to: Int64(kept) * Int64(blockSize))
            } catch {
                throw StorageError(
                    .truncateFailed, "could not truncate file \"\(file.path)\" to \(kept) blocks",
                    remedy: error.remedy, at: location(fork, path: file.path),
                    errorNumber: error.errorNumber,
                    underlying: error.errorNumber == nil ? error : nil)
            }
            registerSync(of: file, .register)
            if first <= UInt64(count) { return }
            files.removeLast()
        }
    }

    func immediateSync(_ fork: Fork) throws(StorageError) {
        try forEachSegment(fork) { (file) throws(StorageError) in
            do throws(StorageError) {
                try file.sync()
            } catch {
                throw StorageError(
                    .syncFailed, "could not make file \"\(file.path)\" durable",
                    remedy: error.remedy, at: location(fork, path: file.path),
                    errorNumber: error.errorNumber,
                    underlying: error.errorNumber == nil ? error : nil)
            }
        }
    }

    func registerSync(_ fork: Fork) throws(StorageError) {
        try forEachSegment(fork) { (file) throws(StorageError) in registerSync(of: file, .register)
        }
    }

    /// All segments with a file, the last first; also those that do not count: a checkpoint between
    /// a truncation and now may have made blocks durable in them that the truncation removed.
    private func forEachSegment(
        _ fork: Fork, _ body: (VirtualFile) throws(StorageError) -> Void
    ) throws(StorageError) {
        _ = try blockCount(fork)
        var files = withTable(fork) { $0.all }
        while true {
            let path = geometry.path(locator, fork, segment: files.count)
            guard try fileExists(fork, path) else { break }
            do throws(StorageError) {
                files.append(try disk.files.open(path, []))
            } catch {
                throw failedOpening(error, fork, path)
            }
        }
        for file in files.reversed() { try body(file) }
    }
}
