@testable import CompressedDisk
@testable import StorageManager

/// An arbitrary chunk, as stored in a file or as decompressed.
///
/// | bytes | |
/// |---|---|
/// | 1 | 0 a chunk as in a file; 1 the same, valid checksums; 2 rearranged pages; 3 pages |
/// | 1 | how many pages, minus one |
/// | 1 | the first page wanted |
/// | the rest | the bytes |
enum ChunkInput {
    private static let identity = ChunkIdentity(
        RelationLocator(database: 1, number: 16384), .main)

    static func run(_ input: [UInt8]) -> String? {
        var reader = InputReader(input)
        let way = reader.byte() & 3
        let pages = Int(reader.byte() & 15) + 1
        let first = Int(reader.byte()) % pages
        let bytes = reader.remainder()
        switch way {
        case 0: return decode(bytes, first, isMended: false)
        case 1: return decode(bytes, first, isMended: true)
        case 2: return decodePlain(bytes, pages, first)
        default: return encode(bytes, pages, first)
        }
    }

    /// Pages in memory of their own, so that a sanitizer sees writes beside them.
    private final class Pages {
        let addresses: [PageAddress]

        init(_ count: Int) {
            addresses = (0..<count).map { _ in
                let page = UnsafeMutableRawBufferPointer.allocate(
                    byteCount: blockSize, alignment: unitSize)
                page.initializeMemory(as: UInt8.self, repeating: 0xEE)
                return PageAddress(page.baseAddress!)
            }
        }

        deinit { for address in addresses { address.pointer.deallocate() } }

        func bytes(_ page: Int) -> [UInt8] {
            Array(UnsafeRawBufferPointer(start: addresses[page].pointer, count: blockSize))
        }
    }

    private static func decode(_ bytes: [UInt8], _ first: Int, isMended: Bool) -> String? {
        guard let slot = try? FrameSlot(number: 0) else { return "no memory for a chunk" }
        let units = HeapTransform.maximumPages * 2 + 1
        let area = slot.bytes(0..<units * unitSize)
        area.initializeMemory(as: UInt8.self, repeating: 0)
        area.copyBytes(from: bytes.prefix(area.count))
        let fields = slot.fields(0)
        if isMended {
            // The header says how much the other checksum covers, so it is made valid twice.
            fields.set(CRC32C.checksum(fields.bytes(0..<60).bytes), 60)
            guard let header = ChunkHeader(fields) else { return nil }
            fields.set(slot.checksum(0, header), 28)
            fields.set(CRC32C.checksum(fields.bytes(0..<60).bytes), 60)
        }
        guard let header = ChunkHeader(fields) else { return nil }
        let part = FrameSlot.Part(
            chunk: header.chunk,
            entry: ChunkEntry(
                extent: Extent(start: 1, count: header.units), pages: UInt8(header.pageCount),
                generation: header.generation),
            offset: 0, wanted: min(first, header.pageCount - 1)..<header.pageCount, position: 0)
        let pages = Pages(part.wanted.count)
        let targets = pages.addresses
        _ = slot.decode(
            part, header.identity, length: area.count, by: slot.decoder, into: targets.span)
        return nil
    }

    private static func decodePlain(_ bytes: [UInt8], _ count: Int, _ first: Int) -> String? {
        let plain = UnsafeMutableRawBufferPointer.allocate(
            byteCount: bytes.count + HeapTransform.slack, alignment: 8)
        defer { plain.deallocate() }
        plain.initializeMemory(as: UInt8.self, repeating: 0xEE)
        plain.copyBytes(from: bytes)
        let whole = Pages(count)
        let part = Pages(count - first)
        func decode(_ wanted: Range<Int>, _ pages: Pages) -> Bool {
            let targets = pages.addresses
            return HeapTransform.decode(
                UnsafeRawBufferPointer(rebasing: plain[..<bytes.count]), pageCount: count,
                wanted: wanted, into: targets.span)
        }
        let isSound = decode(0..<count, whole)
        guard decode(first..<count, part) == isSound else {
            return "some pages of a chunk are sound and all are not, or the other way round"
        }
        let differs = (first..<count).contains { whole.bytes($0) != part.bytes($0 - first) }
        return isSound && differs ? "a page is another one when its neighbours are wanted too" : nil
    }

    private static func encode(_ bytes: [UInt8], _ count: Int, _ first: Int) -> String? {
        let pages = Pages(count)
        for (number, page) in pages.addresses.enumerated() {
            page.bytes.initializeMemory(as: UInt8.self, repeating: 0)
            // Each page has its share of the bytes, half of it at its end.
            let share = bytes.dropFirst(number * bytes.count / count).prefix(
                min(blockSize, bytes.count / count))
            page.bytes.copyBytes(from: share.prefix(share.count / 2))
            let back = share.suffix(share.count - share.count / 2)
            UnsafeMutableRawBufferPointer(rebasing: page.bytes[(blockSize - back.count)...])
                .copyBytes(from: back)
        }
        guard let encoder = try? ChunkEncoder(), let decoder = try? ChunkDecoder() else {
            return "no memory to compress with"
        }
        let output = UnsafeMutableRawBufferPointer.allocate(
            byteCount: count * blockSize, alignment: unitSize)
        defer { output.deallocate() }
        var habit = EncodingHabit()
        let sources = pages.addresses
        let encoded = encoder.encode(sources.span, level: 1, habit: &habit, into: output)
        let back = Pages(count - first)
        let targets = back.addresses
        let isSound = decoder.decode(
            UnsafeRawBufferPointer(rebasing: output[..<encoded.storedBytes]),
            encoding: encoded.encoding, plainBytes: encoded.plainBytes, pageCount: count,
            wanted: first..<count, into: targets.span)
        guard isSound else { return "what was encoded is not decoded" }
        let differs = (first..<count).contains { pages.bytes($0) != back.bytes($0 - first) }
        return differs ? "a page is not what it was" : nil
    }
}
