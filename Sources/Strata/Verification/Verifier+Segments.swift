internal import FileAccess

/// The files of the built-in storage manager, checked one by one: that way a missing file in the
/// middle does not hide those behind it.
extension Verifier {
    func verifySegments(_ subject: Subject) throws(StorageError) {
        let locator = subject.relation.locator
        let directory = locator.database == 0 ? "global" : "base/\(locator.database)"
        let present = try engine.files.list(directory).compactMap { name in
            SegmentName(name).flatMap { segment in
                segment.number == locator.number && segment.fork == subject.fork
                    ? segment.segment : nil
            }
        }
        let expected = expectedCount(subject)
        if present.isEmpty {
            if subject.fork == .main || expected > 0 {
                found(
                    subject.finding(
                        .missingFile, "the file is missing", path: path(subject, segment: 0)))
            }
            return
        }
        let segments = Set(present).sorted()
        var lengths: [UInt32: UInt32] = [:]
        var isWhole = true
        var next: UInt32 = 0
        for segment in segments {
            if segment > next {
                isWhole = false
                found(missing(next..<segment, subject))
            }
            lengths[segment] = try verifySegment(segment, subject)
            // Behind the highest number there is none.
            next = segment &+ 1
        }
        if !reportShort(lengths, segments, subject) { isWhole = false }
        // Empty files may stand behind the last one, as truncating leaves them.
        let end = lengths.values.reduce(0) { $0 + UInt64($1) }
        if isWhole && end < UInt64(expected) {
            let missing = UInt32(end)
            found(
                subject.finding(
                    .wrongLength,
                    "the fork has \(missing) blocks where the catalog says \(expected)",
                    block: missing, path: path(subject, segment: UInt32(UInt64(missing) / size))))
        }
    }

    private var size: UInt64 { UInt64(engine.control.segmentBlocks) }

    /// A gap between the files. Names may leave one of billions, which is told of once.
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

    private func expectedCount(_ subject: Subject) -> UInt32 {
        if subject.fork == .main { return subject.relation.blockCount }
        return engine.description(of: subject.relation.name)?.blockCount(of: subject.fork) ?? 0
    }

    /// Checks one file; how many whole blocks it has.
    private func verifySegment(_ segment: UInt32, _ subject: Subject) throws(StorageError)
        -> UInt32
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
            found(subject.finding(.unreadable, error.description, block: first, path: path))
            return 0
        }
        defer { file.close(session) }
        let blocks = UInt64(bytes) / UInt64(blockSize)
        let rest = Int(bytes % Int64(blockSize))
        if blocks > size || UInt64(first) + blocks > UInt64(BlockNumber.maximumCount) {
            found(
                subject.finding(
                    .wrongLength, "the file has \(bytes) bytes, more than a segment", block: first,
                    path: path))
            return 0
        }
        let end = limit(first + UInt32(blocks), subject)
        if rest != 0 && end == first + UInt32(blocks) {
            found(
                subject.finding(
                    .wrongLength,
                    "the file has \(bytes) bytes: it ends with \(rest) of a block's \(blockSize)",
                    block: end, path: path))
        }
        if end > first {
            try check(
                SegmentSource(
                    file: file, blocks: first..<end, label: subject.relation.locator,
                    fork: subject.fork, target: engine.verificationTarget), subject)
        }
        return UInt32(blocks)
    }

    /// Reports files that are not full although others with content follow; whether there are none.
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
                        path: path(subject, segment: segment)))
            }
            // What a crash has left behind the end counts for nothing.
            let counts = subject.fork != .main || firstBlock(of: segment) < expectedCount(subject)
            if length > 0 && counts { followedByContent = true }
        }
        return isWhole
    }
}

/// The parts of a segment file's name, such as `16384_fsm.2`; nil for other names.
struct SegmentName: Equatable {
    let number: UInt32
    let fork: Fork
    let segment: UInt32

    init?(_ name: String) {
        let parts = name.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 {
            guard let segment = UInt32(parts[1]), segment > 0, String(segment) == parts[1] else {
                return nil
            }
            self.segment = segment
        } else {
            segment = 0
        }
        let base = parts[0].split(separator: "_", maxSplits: 1, omittingEmptySubsequences: false)
        guard let number = UInt32(base[0]), String(number) == base[0] else { return nil }
        self.number = number
        if base.count == 2 {
            guard let fork = Fork.allCases.first(where: { $0 != .main && $0.name == base[1] })
            else { return nil }
            self.fork = fork
        } else {
            fork = .main
        }
    }
}
