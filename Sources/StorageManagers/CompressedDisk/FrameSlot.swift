internal import AsyncIO
internal import StorageManager
internal import Threads

/// What an IO on chunks needs besides its handle: memory for the chunks as in the file, the pages
/// to read into, and a decoder.
///
/// Belongs to one IO at a time: first to the code that defines it, then to the code that completes
/// it.
@safe
final class FrameSlot: @unchecked Sendable {
    /// The most pages of one IO.
    static let maximumPages = 64
    /// Chunks of two pages each have a header that takes a unit.
    private static let byteCount = maximumPages * blockSize + maximumPages / 2 * unitSize

    /// One chunk of the IO.
    struct Part {
        var chunk: UInt32
        var entry: ChunkEntry
        /// Its offset in the slot's memory.
        var offset: Int
        /// The wanted pages of the chunk.
        var wanted: Range<Int>
        /// The index of the first of them among the pages of the IO.
        var position: Int
    }

    /// The number by which a handle names it.
    let number: Int
    /// `byteCount` bytes, allocated until `deinit`.
    private let memory: UnsafeMutableRawPointer
    let decoder: ChunkDecoder
    var parts: [Part] = []
    var pages: [PageAddress] = []
    /// The fork that the IO is on.
    var fork: CompressedFork?
    /// The turn of a read.
    var turn = ReaderTurns.Turn()
    /// The opening of the fork in which a write was begun.
    var opening: UInt64 = 0
    /// The number of blocks of the fork once a write is done, if that makes it longer.
    var growsTo: UInt32 = 0
    /// The number of holders: the IO, and readers of a chunk that it is about to write. Changed
    /// under the fork's lock.
    var holders = 0

    init(number: Int) throws(StorageError) {
        self.number = number
        decoder = try ChunkDecoder()
        unsafe memory = .allocate(byteCount: Self.byteCount, alignment: unitSize)
        parts.reserveCapacity(Self.maximumPages / 2)
        pages.reserveCapacity(Self.maximumPages)
    }

    deinit { unsafe memory.deallocate() }

    /// Some of its bytes.
    @unsafe
    func bytes(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= Self.byteCount)
        return unsafe UnsafeMutableRawBufferPointer(
            start: memory + range.lowerBound, count: range.count)
    }

    /// Its bytes as numbers, from `offset` on.
    func fields(_ offset: Int) -> RawFields {
        precondition(offset >= 0 && offset <= Self.byteCount)
        return unsafe RawFields(memory + offset, count: Self.byteCount - offset)
    }

    /// The checksum of what follows the header of the chunk at `offset`.
    func checksum(_ offset: Int, _ header: ChunkHeader) -> UInt32 {
        let payload = offset + ChunkHeader.size..<offset + Int(header.units) * unitSize
        return unsafe CRC32C.checksum(bytes(payload).bytes)
    }

    func setPages(_ span: Span<PageAddress>) {
        pages.removeAll(keepingCapacity: true)
        for position in span.indices { pages.append(span[position]) }
    }

    /// Decodes a chunk in the slot's memory.
    ///
    /// - Parameters:
    ///   - length: how many bytes are available from the chunk's offset on.
    ///   - decoder: a decoder that no other thread uses now.
    /// - Returns: whether it is the chunk that the map names, and intact.
    func decode(
        _ part: Part, _ identity: ChunkIdentity, length: Int, by decoder: ChunkDecoder,
        into target: Span<PageAddress>
    ) -> Bool {
        guard length >= ChunkHeader.size, let header = ChunkHeader(fields(part.offset)) else {
            return false
        }
        let stored = header.content.storedBytes
        guard header.identity == identity, header.chunk == part.chunk,
            header.generation == part.entry.generation, header.units == part.entry.extent.count,
            header.pageCount >= part.entry.pages, length >= Int(header.units) * unitSize
        else { return false }
        let start = part.offset + ChunkHeader.size
        let payload = unsafe UnsafeRawBufferPointer(bytes(start..<start + stored))
        guard checksum(part.offset, header) == header.payloadChecksum else { return false }
        // Pages beyond the chunk's own are zeroes.
        let there = part.wanted.clamped(to: 0..<Int(part.entry.pages))
        for page in part.wanted where !there.contains(page) {
            unsafe target[page - part.wanted.lowerBound].bytes.initializeMemory(
                as: UInt8.self, repeating: 0)
        }
        if there.isEmpty { return true }
        return unsafe decoder.decode(
            payload, encoding: header.content.encoding, plainBytes: header.content.plainBytes,
            pageCount: header.pageCount, wanted: there, into: target)
    }
}

/// The unused slots, and all slots by number. Any thread; the lock is held only briefly.
///
/// Slots are made by threads that start IO, never where IO completes.
final class FramePool: Sendable {
    private struct Slots {
        var all: [FrameSlot] = []
        var free: [FrameSlot] = []
    }

    private let slots = Lock(Slots(), rank: .frameSlots)

    /// Takes a slot.
    ///
    /// - Throws: `resourcesExhausted` if a slot cannot be made.
    func take() throws(StorageError) -> FrameSlot {
        if let slot = slots.withLock({ $0.free.popLast() }) { return slot }
        let result: Result<FrameSlot, StorageError> = slots.withLock { slots in
            do throws(StorageError) {
                let slot = try FrameSlot(number: slots.all.count)
                slots.all.append(slot)
                // Reserves room for giving it back.
                slots.free.reserveCapacity(slots.all.count)
                return .success(slot)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// The slot of an IO in flight.
    func slot(_ number: Int) -> FrameSlot? {
        slots.withLock { $0.all.indices.contains(number) ? $0.all[number] : nil }
    }

    func giveBack(_ slot: FrameSlot) {
        slot.fork = nil
        slots.withLock { $0.free.append(slot) }
    }
}
