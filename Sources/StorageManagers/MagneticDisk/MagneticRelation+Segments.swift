public import AsyncIO
internal import FileAccess
internal import StorageManager
internal import Threads

/// The outcome of looking up a segment.
enum SegmentLookup: Sendable {
    case open(VirtualFile)
    /// The file does not exist.
    case missing(StorageError, path: String)
    /// A segment before it is not full, so it does not count, whether or not it has a file.
    case hidden(behind: String, blocks: UInt64, path: String)
}

/// Finding the segments of blocks.
extension MagneticRelation {
    /// Returns the segment of a block. Mirrors PostgreSQL's `_mdfd_getseg`.
    ///
    /// - Throws: `notFound` if there is none or one before it is not full.
    func segment(_ fork: Fork, at block: BlockNumber) throws(StorageError) -> VirtualFile {
        switch try lookUp(fork, geometry.segment(of: block)) {
        case .open(let file):
            return file
        case .missing(let error, let path):
            throw StorageError(
                .notFound, "could not open file \"\(path)\" (target block \(block))",
                remedy: "The relation ends before that block, or the file was lost: restore it.",
                at: location(fork, block: block, path: path), errorNumber: error.errorNumber)
        case .hidden(let previous, let blocks, let path):
            throw StorageError(
                .notFound,
                "could not open file \"\(path)\" (target block \(block)): "
                    + "file \"\(previous)\" before it has only \(blocks) blocks",
                remedy: "The relation ends there, or that file was cut short: restore it.",
                at: location(fork, block: block, path: path))
        }
    }

    /// Finds a segment; opens it and those before it if necessary.
    func lookUp(_ fork: Fork, _ segment: Int) throws(StorageError) -> SegmentLookup {
        if let file = withTable(fork, { $0.file(segment) }) { return .open(file) }
        return try withTable(fork) { (table) throws(StorageError) in
            try table.change { (files) throws(StorageError) in
                while files.count <= segment {
                    if let found = try openNext(fork, &files) { return found }
                }
                return .open(files[segment])
            }
        }
    }

    /// Opens the segment after the last open one, or returns why there is none.
    private func openNext(_ fork: Fork, _ files: inout [VirtualFile]) throws(StorageError)
        -> SegmentLookup?
    {
        let path = geometry.path(locator, fork, segment: files.count)
        if let last = files.last {
            let blocks = try blocksInSegment(last, fork)
            if blocks < geometry.blocks {
                return .hidden(behind: last.path, blocks: blocks, path: path)
            }
        }
        do throws(StorageError) {
            files.append(try disk.files.open(path, disk.isReadOnly ? .readOnly : []))
            return nil
        } catch {
            if error.errorNumber == ENOENT { return .missing(error, path: path) }
            throw failedOpening(error, fork, path)
        }
    }

    /// The number of whole blocks in a segment; a partial block at its end does not count. Mirrors
    /// PostgreSQL's `_mdnblocks`.
    ///
    /// - Throws: `damagedSegment` if the file is longer than a segment.
    func blocksInSegment(_ file: VirtualFile, _ fork: Fork) throws(StorageError) -> UInt64 {
        let size = try naming(fork) { () throws(StorageError) in try file.size() }
        let blocks = UInt64(size) / UInt64(blockSize)
        guard blocks <= geometry.blocks else {
            throw StorageError(
                .damagedSegment,
                "file \"\(file.path)\" has \(blocks) blocks, "
                    + "but a segment at most \(geometry.blocks)",
                remedy: "Something else has made the file longer: restore it from a backup, or cut"
                    + " it to \(Int(geometry.blocks) * blockSize) bytes.",
                at: location(fork, path: file.path))
        }
        return blocks
    }

    /// Throws if a file that does not count yet holds blocks that would become visible.
    ///
    /// That happens if a segment before it was lost or cut short. Called before a segment becomes
    /// full and before a fork is created.
    func refuseLeftSegment(_ fork: Fork, _ segment: Int) throws(StorageError) {
        let path = geometry.path(locator, fork, segment: segment)
        guard try fileExists(fork, path) else { return }
        let size: Int64
        do throws(StorageError) {
            // Opening anything but a file, such as a named pipe, could block for ever.
            guard try disk.files.kind(of: path) == .file else {
                throw StorageError(
                    .damagedSegment, "\"\(path)\" is not a file",
                    remedy: "Remove it, or restore the file.", at: location(fork, path: path))
            }
            size = try disk.files.open(path, [.readOnly]).size()
        } catch {
            throw failedOpening(error, fork, path)
        }
        guard size > 0 else { return }
        throw StorageError(
            .damagedSegment,
            "file \"\(path)\" holds \(size) stale bytes that would become visible",
            remedy: "A segment before it was lost or cut short: restore that, or remove this file.",
            at: location(fork, path: path))
    }

    /// Whether anything exists at a path.
    func fileExists(_ fork: Fork, _ path: String) throws(StorageError) -> Bool {
        try naming(fork) { () throws(StorageError) in try disk.files.exists(path) }
    }

    /// Runs `body` and adds the relation and fork to the file errors it throws.
    func naming<Result>(_ fork: Fork, _ body: () throws(StorageError) -> Result)
        throws(StorageError) -> Result
    {
        do throws(StorageError) {
            return try body()
        } catch {
            throw error.naming(locator, fork)
        }
    }

    func failedOpening(_ error: StorageError, _ fork: Fork, _ path: String) -> StorageError {
        StorageError(
            error.errorNumber == ENOENT ? .notFound : error.code, "could not open file \"\(path)\"",
            remedy: error.remedy, at: location(fork, path: path),
            errorNumber: error.errorNumber, underlying: error.errorNumber == nil ? error : nil)
    }
}

extension StorageError {
    /// The same file error with its relation and fork.
    func naming(_ locator: RelationLocator, _ fork: Fork) -> StorageError {
        StorageError(
            code, message, remedy: remedy,
            at: Location(
                relation: locator.description, fork: fork.name, path: location.path),
            errorNumber: errorNumber, underlying: underlying)
    }
}

extension StorageError.Code {
    /// The lengths of a relation's files are invalid.
    public static let damagedSegment = Self(rawValue: "damagedSegment")
}
