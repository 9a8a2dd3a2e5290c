internal import AsyncIO
internal import FileAccess
internal import StorageManager

/// The length of a fork, shortening it, and making it durable.
extension MagneticRelation {
    /// Walks from the last open segment to the first that is not full. A partial block at the end
    /// does not count.
    ///
    /// - Complexity: one `fstat`, plus an open and two `fstat`s for each segment that was not open
    ///   yet.
    /// - Throws: `notFound` if the fork does not exist.
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
                        + "more than the possible \(BlockNumber.maximumCount)",
                    remedy: "Something else has made its last file longer: restore that from a"
                        + " backup.",
                    at: location(fork, path: file.path))
            }
            return UInt32(total)
        }
    }

    /// Cuts the last segment first, so that a crash in between leaves a valid, longer fork.
    /// Segments that no longer count stay, with no bytes.
    ///
    /// Drops references to their files without closing them: a concurrent `blockCount` may hold
    /// one. Also empties segments behind them that do not count already because a crash left one
    /// before them short: they would block growing.
    ///
    /// - Throws: `truncateFailed`.
    func truncate(_ fork: Fork, to count: UInt32, session: Session) throws(StorageError) {
        try disk.checkWritable(locator, fork)
        // This opens all segments that count.
        let blocks = try blockCount(fork)
        if blocks >= count {
            try withTable(fork) { (table) throws(StorageError) in
                try table.change { (files) throws(StorageError) in
                    // A crash while the fork grew may have left part of a block behind its end.
                    guard let last = files.last else { return }
                    let size = try last.size()
                    if blocks == count && size % Int64(blockSize) == 0 { return }
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

    /// Empties a segment that does not count.
    private func empty(_ fork: Fork, _ path: String) throws(StorageError) {
        let file: VirtualFile
        do throws(StorageError) {
            // Opening anything but a file, such as a named pipe, could block for ever.
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

    /// Calls `body` for every segment with a file, the last one first. This includes segments that
    /// do not count: a checkpoint after a truncation may have made blocks in them durable that the
    /// truncation removed.
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
