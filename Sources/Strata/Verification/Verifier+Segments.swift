internal import FileAccess

/// Checks the files of the built-in storage manager one by one, so that a missing file does not
/// hide those after it.
extension Verifier {
    func verifySegments(_ subject: Subject) throws(StorageError) {
        let expected = expectedCount(subject)
        let segments = try segmentFiles.segments(
            of: subject.relation.locator, subject.fork,
            atLeast: (UInt64(expected) + size - 1) / size)
        if segments.isEmpty {
            if subject.fork == .main || expected > 0 {
                found(
                    subject.finding(
                        .missingFile, "the file is missing", path: path(subject, segment: 0)))
            }
            return
        }
        var lengths: [UInt32: UInt32] = [:]
        var isWhole = true
        var next: UInt32 = 0
        for segment in segments {
            if segment > next {
                // A crash during growth leaves segments behind the end, and may remove the names of
                // those before them.
                let isBehindEnd =
                    subject.fork == .main && firstBlock(of: next) >= expectedCount(subject)
                if isBehindEnd && segment - next <= Self.segmentsOfOneGrowth { break }
                isWhole = false
                found(missing(next..<segment, subject), in: subject)
            }
            if let length = try verifySegment(segment, subject) {
                lengths[segment] = length
            } else {
                isWhole = false
            }
            // No segment follows the highest number.
            next = segment &+ 1
        }
        if !reportShort(lengths, segments, subject) { isWhole = false }
        // Empty files may follow the last one, since truncating leaves them.
        let end = reachable(lengths, segments)
        // A cut makes itself known before the fork becomes shorter.
        let wanted = expectedCount(subject)
        if isWhole && end < UInt64(wanted) {
            let missing = UInt32(end)
            found(
                subject.finding(
                    .wrongLength,
                    "the fork has \(missing) blocks where the catalog says \(wanted)",
                    block: missing, path: path(subject, segment: UInt32(UInt64(missing) / size))))
        }
    }

    /// How many blocks can be reached from the first: those of full files, and of the next one.
    private func reachable(_ lengths: [UInt32: UInt32], _ segments: [UInt32]) -> UInt64 {
        var end: UInt64 = 0
        for segment in segments where UInt64(segment) * size == end {
            end += UInt64(lengths[segment] ?? 0)
        }
        return end
    }

    /// How many segments one growth may have left missing. A file further on is strange.
    private static let segmentsOfOneGrowth: UInt32 = 16

    private var size: UInt64 { UInt64(engine.control.segmentBlocks) }

    /// Reports a gap between the files. Names may imply a gap of billions, which is reported once.
    private func missing(_ segments: Range<UInt32>, _ subject: Subject) -> VerificationFinding {
        let first = segments.lowerBound
        let reason =
            segments.count == 1
            ? "the file is missing, while others of the fork follow it"
            : "the files up to \"\(path(subject, segment: segments.upperBound - 1))\" are missing,"
                + " while others of the fork follow them"
        return subject.finding(
            .missingFile, reason, block: firstBlock(of: first), path: path(subject, segment: first))
    }

    private func firstBlock(of segment: UInt32) -> UInt32 {
        UInt32(clamping: UInt64(segment) * size)
    }

    private func path(_ subject: Subject, segment: UInt32) -> String {
        let base = "\(subject.relation.locator)\(subject.fork.suffix)"
        return segment == 0 ? base : "\(base).\(segment)"
    }

    /// Checks one file.
    ///
    /// - Returns: how many whole blocks it has; nil if it cannot tell, which has been reported.
    private func verifySegment(_ segment: UInt32, _ subject: Subject) throws(StorageError)
        -> UInt32?
    {
        let path = path(subject, segment: segment)
        let first = firstBlock(of: segment)
        let file: VirtualFile
        let bytes: Int64
        do throws(StorageError) {
            file = try engine.files.open(path, .readOnly)
            bytes = try file.size()
        } catch {
            if error.code == .resourcesExhausted { throw error }
            let finding = subject.finding(
                .unreadable, error.description, block: first, path: path)
            found(finding, in: subject)
            return nil
        }
        defer { file.close(session) }
        let blocks = UInt64(bytes) / UInt64(blockSize)
        let rest = Int(bytes % Int64(blockSize))
        if blocks > size || UInt64(first) + blocks > UInt64(BlockNumber.maximumCount) {
            found(
                subject.finding(
                    .wrongLength, "the file has \(bytes) bytes, more than a segment", block: first,
                    path: path))
            return nil
        }
        let end = limit(first + UInt32(blocks), subject)
        if rest != 0 && end == first + UInt32(blocks) {
            found(
                subject.finding(
                    .wrongLength,
                    "the file has \(bytes) bytes: it ends with \(rest) of a block's \(blockSize)",
                    block: end, path: path))
        }
        if end > first { try check(file, first..<end, subject) }
        return UInt32(blocks)
    }

    /// Checks the pages of a file. Pages in its holes are zeroes and are not read, since a file may
    /// have gigabytes of them.
    private func check(_ file: VirtualFile, _ blocks: Range<UInt32>, _ subject: Subject)
        throws(StorageError)
    {
        let first = blocks.lowerBound
        let bytes = Int64(blocks.count) * Int64(blockSize)
        var next = first
        while next < blocks.upperBound {
            let offset = Int64(next - first) * Int64(blockSize)
            let data = try data(of: file, from: offset, subject, block: next) ?? bytes..<bytes
            let start = first + UInt32(min(data.lowerBound, bytes) / Int64(blockSize))
            if start > next { judgeZeroes(next..<start, file.path, subject) }
            let size = Int64(blockSize)
            let end = first + UInt32((min(data.upperBound, bytes) + size - 1) / size)
            next = max(start, end)
            if start >= end { continue }
            try check(
                SegmentSource(
                    file: file, firstBlock: first, blocks: start..<end,
                    locator: subject.relation.locator, fork: subject.fork,
                    pageKind: subject.relation.open.pageKind(of: subject.fork),
                    manager: subject.relation.open.manager,
                    target: engine.verificationTarget), subject)
        }
    }

    /// The next data of a file; all the rest if the file system cannot tell.
    private func data(
        of file: VirtualFile, from offset: Int64, _ subject: Subject, block: UInt32
    ) throws(StorageError) -> Range<Int64>? {
        do throws(StorageError) {
            guard let data = try file.nextData(from: offset) else { return nil }
            // Written meanwhile, or a file system that does not report in order.
            return data.upperBound > offset ? max(offset, data.lowerBound)..<data.upperBound : nil
        } catch {
            if error.code == .resourcesExhausted { throw error }
            let finding = subject.finding(
                .unreadable, error.description, block: block, path: file.path)
            found(finding, in: subject)
            return offset..<Int64.max
        }
    }

    /// Reports files that are not full although later ones have contents. Returns whether there are
    /// none.
    private func reportShort(
        _ lengths: [UInt32: UInt32], _ segments: [UInt32], _ subject: Subject
    ) -> Bool {
        var isWhole = true
        var followedByContent = false
        for segment in segments.reversed() {
            guard let length = lengths[segment] else { continue }
            if followedByContent && UInt64(length) < size {
                isWhole = false
                found(
                    subject.finding(
                        .wrongLength,
                        "the file has \(length) of \(size) blocks, while others of the fork follow",
                        block: UInt32(clamping: UInt64(segment) * size + UInt64(length)),
                        path: path(subject, segment: segment)), in: subject)
            }
            // What a crash has left behind the end does not count.
            let counts = firstBlock(of: segment) < limit(.max, subject)
            if length > 0 && counts { followedByContent = true }
        }
        return isWhole
    }
}
