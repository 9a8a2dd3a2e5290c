internal import StorageManager
internal import StoreFormat

/// Encodes and decodes batches. Nothing is trusted before its checksum is right, and no size before
/// it is bounded.
extension JournalBatchHeader {
    /// Writes the header and its entries at the start of `target`, followed by zeroes up to the end
    /// of the head.
    func encode(_ entries: Span<JournalEntry>, to target: inout MutableRawSpan) {
        precondition(entries.count == count && target.byteCount >= headLength)
        let size = JournalFormat.batchHeaderSize
        for position in entries.indices {
            Self.encode(
                entries[position], at: size + position * JournalFormat.entrySize, to: &target)
        }
        let end = size + count * JournalFormat.entrySize
        for offset in end..<headLength {
            target.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self)
        }
        store64(JournalFormat.batchMagic, 0, &target)
        store64(store, 8, &target)
        store64(round, 16, &target)
        store64(sequence, 24, &target)
        store64(position, 32, &target)
        store32(kind.rawValue, 40, &target)
        store32(UInt32(count), 44, &target)
        store64(durable, 48, &target)
        store32(Self.checksum(target.bytes, size..<end), 56, &target)
        store32(Self.checksum(target.bytes, 0..<60), 60, &target)
    }

    private static func encode(
        _ entry: JournalEntry, at offset: Int, to target: inout MutableRawSpan
    ) {
        store32(entry.locator.database, offset, &target)
        store32(entry.locator.number, offset + 4, &target)
        store32(UInt32(entry.fork.rawValue), offset + 8, &target)
        store32(entry.block, offset + 12, &target)
        store32(entry.checksum, offset + 16, &target)
        store32(entry.replacement, offset + 20, &target)
    }

    /// Decodes a header, if a complete one is there.
    ///
    /// - Parameter bytes: at least ``JournalFormat/batchHeaderSize`` of them.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= JournalFormat.batchHeaderSize,
            load64(bytes, 0) == JournalFormat.batchMagic,
            load32(bytes, 60) == CRC32C.checksum(bytes.span.extracting(0..<60)),
            let kind = JournalBatchKind(rawValue: load32(bytes, 40)),
            load64(bytes, 48) <= load64(bytes, 24)
        else { return nil }
        let count = load32(bytes, 44)
        guard count > 0, count <= UInt32(JournalFormat.maximumEntries) else { return nil }
        self.init(
            store: load64(bytes, 8), round: load64(bytes, 16), sequence: load64(bytes, 24),
            position: load64(bytes, 32), kind: kind, count: Int(count), durable: load64(bytes, 48))
    }

    /// Decodes the entries after the header, if they are complete.
    ///
    /// - Parameter bytes: ``headLength`` bytes, beginning with the header itself.
    func entries(_ bytes: [UInt8]) -> [JournalEntry]? {
        let size = JournalFormat.batchHeaderSize
        let end = size + count * JournalFormat.entrySize
        guard bytes.count >= end,
            load32(bytes, 56) == CRC32C.checksum(bytes.span.extracting(size..<end))
        else { return nil }
        var entries: [JournalEntry] = []
        entries.reserveCapacity(count)
        for position in 0..<count {
            let offset = size + position * JournalFormat.entrySize
            guard let fork = Fork(rawValue: UInt8(clamping: load32(bytes, offset + 8))) else {
                return nil
            }
            entries.append(
                JournalEntry(
                    locator: RelationLocator(
                        database: load32(bytes, offset), number: load32(bytes, offset + 4)),
                    fork: fork, block: load32(bytes, offset + 12),
                    checksum: load32(bytes, offset + 16),
                    replacement: load32(bytes, offset + 20)))
        }
        return entries
    }

    private static func checksum(_ bytes: RawSpan, _ range: Range<Int>) -> UInt32 {
        CRC32C.checksum(bytes.extracting(range))
    }
}

private func store64(_ value: UInt64, _ offset: Int, _ target: inout MutableRawSpan) {
    target.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt64.self)
}

private func store32(_ value: UInt32, _ offset: Int, _ target: inout MutableRawSpan) {
    target.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt32.self)
}

private func load64(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
    UInt64(load32(bytes, offset)) | UInt64(load32(bytes, offset + 4)) << 32
}

private func load32(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
    UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8 | UInt32(bytes[offset + 2]) << 16
        | UInt32(bytes[offset + 3]) << 24
}
