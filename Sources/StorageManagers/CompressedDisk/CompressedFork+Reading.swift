internal import AsyncIO
internal import FileAccess
internal import StorageManager

/// What one read consists of.
enum ReadPlan {
    /// The first blocks are zeroes that take no space: how many.
    case zeroes(Int)
    /// The first blocks are in chunks that follow one another in the file; the slot says which.
    case chunks(FrameSlot, offset: Int64, byteCount: Int)
    /// The first block does not exist.
    case nothing
}

/// Finding chunks to be read.
extension CompressedFork {
    /// How many blocks from `block` on one IO can cover: as far as the chunks follow one another in
    /// the file.
    func combinable(_ block: BlockNumber) throws(StorageError) -> Int {
        _ = try opened()
        return state.withLock { state in
            let pages = state.map.dimensions.properties.chunkPages
            let first = Int(block.rawValue) / pages
            let skipped = Int(block.rawValue) % pages
            var chunk = first
            let end = min(
                state.map.entries.count, first + (FrameSlot.maximumPages + skipped) / pages)
            while chunk + 1 < end,
                Self.follows(state.map.entries[chunk], state.map.entries[chunk + 1])
            {
                chunk += 1
            }
            return min(FrameSlot.maximumPages, (chunk + 1 - first) * pages - skipped)
        }
    }

    private static func follows(_ one: ChunkEntry, _ next: ChunkEntry) -> Bool {
        one.isEmpty ? next.isEmpty : !next.isEmpty && next.extent.start == one.extent.end
    }

    /// Decides how to read blocks, as many of the first as one IO can bring.
    ///
    /// A read of chunks has begun then, and is to be ended with ``endRead(_:)``.
    func planRead(_ block: BlockNumber, into pages: Span<PageAddress>) throws(StorageError)
        -> ReadPlan
    {
        _ = try opened()
        let slot = try disk.frames.take()
        slot.parts.removeAll(keepingCapacity: true)
        let (count, turn) = state.withLock { state -> (Int, ReaderTurns.Turn?) in
            let count = Self.collect(
                state.map, block, min(pages.count, FrameSlot.maximumPages), &slot.parts)
            return (count, slot.parts.isEmpty ? nil : state.readers.begin())
        }
        guard let turn else {
            disk.frames.giveBack(slot)
            return count == 0 ? .nothing : .zeroes(count)
        }
        slot.turn = turn
        slot.fork = self
        slot.setPages(pages.extracting(0..<count))
        let last = slot.parts[slot.parts.count - 1]
        return .chunks(
            slot, offset: Int64(slot.parts[0].entry.extent.start) * Int64(unitSize),
            byteCount: last.offset + Int(last.entry.extent.count) * unitSize)
    }

    /// Finds the chunks of blocks, as many as follow one another.
    ///
    /// - Parameter parts: gets them; none where the blocks are zeroes.
    /// - Returns: how many blocks that are.
    private static func collect(
        _ map: ForkMap, _ block: BlockNumber, _ wanted: Int, _ parts: inout [FrameSlot.Part]
    ) -> Int {
        let chunkPages = map.dimensions.properties.chunkPages
        let first = Int(block.rawValue)
        let end = min(first + wanted, Int(map.dimensions.blockCount))
        var next = first
        var offset = 0
        while next < end {
            let chunk = next / chunkPages
            let entry = map.entries[chunk]
            let start = next % chunkPages
            let pages = start..<min(chunkPages, start + end - next)
            let isStored = !entry.isEmpty && start < Int(entry.pages)
            if next == first {
                if !isStored { return zeroes(map, first, end) }
            } else if !isStored || entry.extent.start != parts[parts.count - 1].entry.extent.end {
                break
            }
            parts.append(
                FrameSlot.Part(
                    chunk: UInt32(chunk), entry: entry, offset: offset, wanted: pages,
                    position: next - first))
            offset += Int(entry.extent.count) * unitSize
            next += pages.count
        }
        return max(0, next - first)
    }

    private static func zeroes(_ map: ForkMap, _ first: Int, _ end: Int) -> Int {
        let chunkPages = map.dimensions.properties.chunkPages
        var next = first
        while next < end {
            let entry = map.entries[next / chunkPages]
            if !entry.isEmpty && next % chunkPages < Int(entry.pages) { break }
            next = min(end, (next / chunkPages + 1) * chunkPages)
        }
        return next - first
    }

    /// Asks the kernel to have the chunks of some blocks ready; blocks that do not exist need none.
    ///
    /// - Returns: true.
    func prefetch(_ block: BlockNumber, _ count: Int) throws(StorageError) -> Bool {
        let data = try opened().data
        let extents = state.withLock { state -> [Extent] in
            let pages = state.map.dimensions.properties.chunkPages
            let first = Int(block.rawValue) / pages
            let end = min(
                state.map.entries.count, (Int(block.rawValue) + max(0, count) - 1) / pages + 1)
            var extents: [Extent] = []
            for entry in state.map.entries[min(first, end)..<end] where !entry.isEmpty {
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
            for extent in state.readers.end(slot.turn) { state.space.free(extent) }
        }
        disk.frames.giveBack(slot)
    }

    /// Brings the pages of a read whose bytes are in the slot.
    ///
    /// - Parameter length: how many bytes are there.
    /// - Returns: how many blocks were looked at, and the first damaged chunk among them, whose
    ///   pages are then ones that pass no verification.
    func decode(_ slot: FrameSlot, length: Int) -> (blocks: Int, damaged: UInt32?) {
        var damaged: UInt32?
        var blocks = 0
        for part in slot.parts {
            let end = part.offset + Int(part.entry.extent.count) * unitSize
            // A chunk that did not arrive whole is read again.
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

    /// Reads blocks, blocking until all are there.
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

    /// Blocks that do not all exist.
    func endsBefore(_ block: BlockNumber, _ count: Int, isRead: Bool) -> StorageError {
        let label = RelationLabel(
            locator, fork, block: block, count: UInt32(clamping: count),
            manager: StorageManagerID(rawValue: 0))
        return StorageError(
            isRead ? .readFailed : .writeFailed,
            "could not \(isRead ? "read" : "write") \(label): it ends before",
            remedy: "Ask for blocks that exist.", at: location(block: block.rawValue))
    }
}
