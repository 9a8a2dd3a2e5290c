internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import Threads

/// What one read consists of.
enum ReadPlan {
    /// The first blocks are zeroes that take no space; their number.
    case zeroes(Int)
    /// The first blocks are in chunks that are contiguous in the file. The slot says which.
    case chunks(FrameSlot, offset: Int64, byteCount: Int)
    /// The first blocks are lost: their first chunk, and the number of blocks.
    case lost(chunk: UInt32, count: Int)
    /// The first block does not exist.
    case nothing
}

/// Finding chunks to read.
extension CompressedFork {
    /// How many blocks from `block` on one IO can cover, as far as the chunks are contiguous in the
    /// file.
    func combinable(_ block: BlockNumber) throws(StorageError) -> Int {
        _ = try opened()
        return state.withLock { state in
            let pages = state.map.dimensions.properties.chunkPages
            let first = Int(block.rawValue) / pages
            let skipped = Int(block.rawValue) % pages
            var chunk = first
            let end = min(
                state.map.chunkCount, first + (FrameSlot.maximumPages + skipped) / pages)
            while chunk + 1 < end,
                Self.follows(state.map[chunk], state.map[chunk + 1])
            {
                chunk += 1
            }
            return min(FrameSlot.maximumPages, (chunk + 1 - first) * pages - skipped)
        }
    }

    private static func follows(_ one: ChunkEntry, _ next: ChunkEntry) -> Bool {
        if one.isLost || next.isLost { return one.isLost && next.isLost }
        return one.isEmpty ? next.isEmpty : !next.isEmpty && next.extent.start == one.extent.end
    }

    /// Plans how to read blocks: as many of the first ones as one IO can read.
    ///
    /// A read of chunks has begun when this returns; end it with ``endRead(_:)``.
    func planRead(_ block: BlockNumber, into pages: Span<PageAddress>) throws(StorageError)
        -> ReadPlan
    {
        _ = try opened()
        let slot = try disk.frames.take()
        slot.parts.removeAll(keepingCapacity: true)
        let (count, kind, turn) = state.withLock { state in
            let (count, kind) = Self.collect(
                state.map, block, min(pages.count, FrameSlot.maximumPages), &slot.parts)
            return (count, kind, kind == .stored ? state.readers.begin() : nil)
        }
        guard let turn else {
            disk.frames.giveBack(slot)
            if count == 0 { return .nothing }
            if kind == .zeroes { return .zeroes(count) }
            return .lost(chunk: block.rawValue / UInt32(chunkPages), count: count)
        }
        slot.turn = turn
        slot.fork = self
        slot.setPages(pages.extracting(0..<count))
        let last = slot.parts[slot.parts.count - 1]
        return .chunks(
            slot, offset: Int64(slot.parts[0].entry.extent.start) * Int64(unitSize),
            byteCount: last.offset + Int(last.entry.extent.count) * unitSize)
    }

    /// What blocks are stored in.
    private enum Kind {
        case stored, zeroes, lost

        /// - Parameter page: the wanted page of the chunk.
        init(_ entry: ChunkEntry, page: Int) {
            if entry.isLost {
                self = .lost
            } else {
                self = !entry.isEmpty && page < Int(entry.pages) ? .stored : .zeroes
            }
        }
    }

    /// Finds the chunks of blocks, as many as are of one kind and, if stored, contiguous.
    ///
    /// - Parameter parts: receives the stored ones.
    /// - Returns: the number of blocks, and what they are stored in.
    private static func collect(
        _ map: ForkMap, _ block: BlockNumber, _ wanted: Int, _ parts: inout [FrameSlot.Part]
    ) -> (count: Int, kind: Kind) {
        let chunkPages = map.dimensions.properties.chunkPages
        let first = Int(block.rawValue)
        // A slot has room for as many whole chunks as its pages hold, and not for parts of one
        // more.
        let room = FrameSlot.maximumPages - first % chunkPages
        let end = min(first + min(wanted, room), Int(map.dimensions.blockCount))
        if first >= end { return (0, .zeroes) }
        let kind = Kind(map[first / chunkPages], page: first % chunkPages)
        var next = first
        var offset = 0
        while next < end {
            let chunk = next / chunkPages
            let entry = map[chunk]
            let start = next % chunkPages
            let pages = start..<min(chunkPages, start + end - next)
            if Kind(entry, page: start) != kind { break }
            if kind == .stored {
                if let last = parts.last, entry.extent.start != last.entry.extent.end { break }
                parts.append(
                    FrameSlot.Part(
                        chunk: UInt32(chunk), entry: entry, offset: offset, wanted: pages,
                        position: next - first))
                offset += Int(entry.extent.count) * unitSize
            }
            next += pages.count
        }
        return (next - first, kind)
    }

    /// Asks the kernel to load the chunks of some blocks. Blocks that do not exist are ignored.
    ///
    /// - Returns: true.
    func prefetch(_ block: BlockNumber, _ count: Int) throws(StorageError) -> Bool {
        let data = try opened().data
        let extents = state.withLock { state -> [Extent] in
            let pages = state.map.dimensions.properties.chunkPages
            let first = Int(block.rawValue) / pages
            let end = min(
                state.map.chunkCount, (Int(block.rawValue) + max(0, count) - 1) / pages + 1)
            var extents: [Extent] = []
            for chunk in min(first, end)..<end {
                let entry = state.map[chunk]
                if entry.isEmpty || entry.isLost { continue }
                if let last = extents.last, last.end == entry.extent.start {
                    extents[extents.count - 1].count += entry.extent.count
                } else {
                    extents.append(entry.extent)
                }
            }
            return extents
        }
        for extent in extents {
            do throws(StorageError) {
                try data.prefetch(
                    at: Int64(extent.start) * Int64(unitSize),
                    count: Int64(extent.count) * Int64(unitSize))
            } catch {
                throw naming(error, as: .readFailed)
            }
        }
        return true
    }

    /// Gives back what a read of chunks has used.
    func endRead(_ slot: FrameSlot) {
        state.withLock { state in
            for extent in state.readers.end(slot.turn) { state.space.units.free(extent) }
        }
        disk.frames.giveBack(slot)
    }

    /// Decodes the pages of a read whose bytes are in the slot.
    ///
    /// - Parameter length: how many bytes are there.
    /// - Returns: how many blocks were handled, and the first damaged chunk among them, whose pages
    ///   then pass no verification.
    func decode(_ slot: FrameSlot, length: Int) -> (blocks: Int, damaged: UInt32?) {
        var damaged: UInt32?
        var blocks = 0
        for part in slot.parts {
            let end = part.offset + Int(part.entry.extent.count) * unitSize
            // A chunk that did not arrive completely is read again.
            if length < end { break }
            let range = part.position..<part.position + part.wanted.count
            let isSound = slot.decode(
                part, identity, length: end - part.offset, by: slot.decoder,
                into: slot.pages.span.extracting(range))
            if !isSound {
                damaged = damaged ?? part.chunk
                for position in range {
                    unsafe slot.pages[position].bytes.initializeMemory(
                        as: UInt8.self, repeating: 0xFF)
                }
            }
            blocks = range.upperBound
        }
        return (blocks, damaged)
    }

    /// Reads blocks and returns once all are read.
    func read(_ block: BlockNumber, into pages: Span<PageAddress>) throws(StorageError) {
        var done = 0
        while done < pages.count {
            let next = block.advanced(by: done)
            let rest = pages.extracting(done..<pages.count)
            switch try planRead(next, into: rest) {
            case .nothing:
                throw endsBefore(block, pages.count, isRead: true)
            case .zeroes(let count):
                for position in 0..<count {
                    unsafe rest[position].bytes.initializeMemory(as: UInt8.self, repeating: 0)
                }
                done += count
            case .lost(let chunk, _):
                throw lost(chunk..<chunk + 1)
            case .chunks(let slot, let offset, let byteCount):
                defer { endRead(slot) }
                done += try readChunks(slot, offset, byteCount)
            }
        }
    }

    private func readChunks(_ slot: FrameSlot, _ offset: Int64, _ byteCount: Int)
        throws(StorageError) -> Int
    {
        let length: Int
        do throws(StorageError) {
            length = try unsafe opened().data.readFully(into: slot.bytes(0..<byteCount), at: offset)
        } catch {
            throw naming(error, as: .readFailed)
        }
        let (blocks, damaged) = decode(slot, length: length)
        let chunkPages = state.withLock { $0.map.dimensions.properties.chunkPages }
        if let damaged { throw self.damaged(chunk: damaged, pages: chunkPages) }
        guard blocks > 0 else {
            // The file ends within a chunk that the map has.
            throw self.damaged(chunk: slot.parts[0].chunk, pages: chunkPages)
        }
        return blocks
    }

    /// The error for blocks that do not all exist.
    func endsBefore(_ block: BlockNumber, _ count: Int, isRead: Bool) -> StorageError {
        let last = UInt64(block.rawValue) + UInt64(max(1, count)) - 1
        let blocks = count == 1 ? "block \(block)" : "blocks \(block)..\(last)"
        return StorageError(
            isRead ? .readFailed : .writeFailed,
            "could not \(isRead ? "read" : "write") \(blocks) of relation \(locator)"
                + "\(fork.suffix): it ends before",
            remedy: "Ask for blocks that exist.", at: location(block: block.rawValue))
    }
}
