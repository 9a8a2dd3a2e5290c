internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import Threads

/// Encoding chunks and placing them.
extension CompressedFork {
    /// Encodes the chunks of some blocks again with the given pages, and finds room for them.
    ///
    /// The write has begun when this returns. The caller writes the slot's memory to the file at
    /// the offset, and calls ``finishWrite(_:written:)``.
    ///
    /// - Parameter growing: whether the blocks may lie behind the end; otherwise all must exist.
    func planWrite(_ block: BlockNumber, from pages: Span<PageAddress>, growing: Bool = false)
        throws(StorageError) -> (slot: FrameSlot, offset: Int64, byteCount: Int)
    {
        precondition(!pages.isEmpty && pages.count <= FrameSlot.maximumPages)
        _ = try opened()
        try checkChangeable()
        let end = Int(block.rawValue) + pages.count
        let chunkPages = chunkPages
        let (first, last) = (Int(block.rawValue) / chunkPages, (end - 1) / chunkPages)
        let slot = try disk.frames.take()
        let encoder: ChunkEncoder
        do throws(StorageError) {
            encoder = try disk.encoders.take()
        } catch {
            disk.frames.giveBack(slot)
            throw error
        }
        defer { disk.encoders.giveBack(encoder) }
        slot.parts.removeAll(keepingCapacity: true)
        slot.fork = self
        slot.growsTo = growing ? UInt32(end) : 0
        slot.holders = 1
        do throws(StorageError) {
            return try whileWriting(UInt32(first)...UInt32(last)) { () throws(StorageError) in
                let (dimensions, habit) = state.withLock { ($0.map.dimensions, $0.habit) }
                guard growing || end <= Int(dimensions.blockCount) else {
                    throw endsBefore(block, pages.count, isRead: false)
                }
                var ways = habit
                var offset = 0
                for chunk in first...last {
                    let start = max(chunk * chunkPages, Int(block.rawValue))
                    let part = start..<min((chunk + 1) * chunkPages, end)
                    let given = pages.extracting(
                        part.lowerBound - Int(block.rawValue)..<part.upperBound
                            - Int(block.rawValue))
                    let chunkPart =
                        part.lowerBound - chunk * chunkPages..<part.upperBound - chunk * chunkPages
                    offset += try encode(
                        UInt32(chunk), chunkPart, given, dimensions, encoder, &ways, slot, offset)
                }
                try place(slot, ways)
                return (
                    slot,
                    Int64(slot.parts[0].entry.extent.start) * Int64(unitSize), offset
                )
            }
        } catch {
            disk.frames.giveBack(slot)
            throw error
        }
    }

    /// Encodes one chunk into the slot's memory. Returns how many bytes that takes.
    private func encode(
        _ chunk: UInt32, _ part: Range<Int>, _ given: Span<PageAddress>,
        _ dimensions: ForkDimensions, _ encoder: ChunkEncoder, _ habit: inout EncodingHabit,
        _ slot: FrameSlot, _ offset: Int
    ) throws(StorageError) -> Int {
        let existing = existingPages(chunk)
        let count = max(part.upperBound, existing)
        let room = unsafe slot.bytes(
            offset + ChunkHeader.size..<offset + ChunkHeader.size + count * blockSize)
        let content: EncodedChunk
        if part.lowerBound == 0 && part.upperBound == count {
            content = unsafe encoder.encode(
                given, level: Int32(dimensions.properties.level), habit: &habit, into: room)
        } else {
            let scratch = try disk.frames.take()
            defer { disk.frames.giveBack(scratch) }
            var all = try bringPages(chunk, count, existing, scratch, dimensions)
            for position in given.indices { all[part.lowerBound + position] = given[position] }
            content = unsafe encoder.encode(
                all.span, level: Int32(dimensions.properties.level), habit: &habit, into: room)
        }
        let (generation, cut) = state.withLock { state in
            defer { if state.canNumber { state.map.dimensions.nextGeneration += 1 } }
            return (state.map.dimensions.nextGeneration, state.map.dimensions.cut)
        }
        if generation >= ChunkHeader.lastGeneration { try checkChangeable() }
        let start = offset + ChunkHeader.size
        var header = ChunkHeader(
            identity, chunk: chunk, pageCount: count, content: content, payloadChecksum: 0,
            generation: generation, cut: cut,
            blockCount: max(dimensions.blockCount, slot.growsTo))
        let size = Int(header.units) * unitSize
        unsafe slot.bytes(start + content.storedBytes..<offset + size).initializeMemory(
            as: UInt8.self, repeating: 0)
        header.payloadChecksum = slot.checksum(offset, header)
        header.store(slot.fields(offset))
        slot.parts.append(
            FrameSlot.Part(
                chunk: chunk,
                entry: ChunkEntry(
                    extent: Extent(start: 0, count: header.units), pages: UInt8(count),
                    generation: generation),
                offset: offset, wanted: part, position: 0))
        return size
    }

    /// How many existing pages of a chunk must be kept.
    private func existingPages(_ chunk: UInt32) -> Int {
        state.withLock { state in
            if let newest = state.newestInFlight(chunk) { return newest.pages }
            guard Int(chunk) < state.map.chunkCount else { return 0 }
            let entry = state.map[Int(chunk)]
            return entry.isEmpty ? 0 : Int(entry.pages)
        }
    }

    /// Puts the present pages of a chunk, and zeroes for the others up to `count`, into a slot's
    /// memory, as they will be once all writes in flight are over.
    ///
    /// - Throws: `damagedChunk`, since what cannot be read cannot be kept.
    private func bringPages(
        _ chunk: UInt32, _ count: Int, _ existing: Int, _ scratch: FrameSlot,
        _ dimensions: ForkDimensions
    ) throws(StorageError) -> [PageAddress] {
        // After the room for the chunk as it is in the file.
        let start = (HeapTransform.maximumPages * 2 + 1) * unitSize
        let memory = unsafe scratch.bytes(start..<start + count * blockSize)
        let pages = (0..<count).map { position in
            unsafe PageAddress(memory.baseAddress! + position * blockSize)
        }
        for page in pages[existing...] {
            unsafe page.bytes.initializeMemory(as: UInt8.self, repeating: 0)
        }
        if existing == 0 { return pages }
        let targets = Array(pages[..<existing])
        let frame = state.withLock { state in
            let frame = state.newestInFlight(chunk)?.frame
            frame?.slot.holders += 1
            return frame
        }
        if let frame {
            defer { letGo(of: frame.slot) }
            var part = frame.part
            part.wanted = 0..<existing
            let isSound = frame.slot.decode(
                part, identity, length: Int(part.entry.extent.count) * unitSize,
                by: scratch.decoder, into: targets.span)
            guard isSound else {
                throw damaged(chunk: chunk, pages: dimensions.properties.chunkPages)
            }
            return pages
        }
        try read(
            BlockNumber(chunk * UInt32(dimensions.properties.chunkPages)), into: targets.span)
        return pages
    }

    /// Finds room for a slot's chunks, contiguously.
    private func place(_ slot: FrameSlot, _ habit: EncodingHabit) throws(StorageError) {
        let units = slot.parts.reduce(0) { $0 + $1.entry.extent.count }
        let isPlaced = state.withLock { state in
            state.habit = habit
            guard let extent = state.space.units.allocate(units) else { return false }
            slot.opening = state.readers.opening
            var next = extent.start
            for position in slot.parts.indices {
                slot.parts[position].entry.extent.start = next
                next += slot.parts[position].entry.extent.count
                state.inFlight.begin(slot.parts[position], of: slot)
            }
            return true
        }
        if !isPlaced { throw tooLarge() }
    }

    /// Processes a completed write: chunks that are complete in the file become the fork's, unless
    /// newer ones have already.
    ///
    /// Any thread; never blocks. The slot is given back.
    ///
    /// - Parameter written: how many bytes of the slot's memory are in the file.
    /// - Returns: how many blocks were written.
    @discardableResult
    func finishWrite(_ slot: FrameSlot, written: Int) -> Int {
        let blocks = state.withLock { state in
            var blocks = 0
            // No result is needed for writes begun before the fork was closed or removed.
            if slot.opening != state.readers.opening { return blocks }
            for part in slot.parts {
                let isWhole =
                    part.offset + Int(part.entry.extent.count) * unitSize <= written
                if isWhole { blocks += part.wanted.count }
                state.inFlight.end(part.chunk, of: slot)
                if isWhole && slot.growsTo > state.map.dimensions.blockCount {
                    state.map.setLength(slot.growsTo)
                    state.unrecorded.hasDimensions = true
                }
                state.space.didWrite(upTo: part.entry.extent.end)
                if !isWhole || !publish(part, &state) { state.space.units.free(part.entry.extent) }
            }
            return blocks
        }
        disk.noteChange(self)
        letGo(of: slot)
        return blocks
    }

    /// Publishes a chunk. Returns false if there is a newer one, or the chunk no longer exists.
    private func publish(_ part: FrameSlot.Part, _ state: inout State) -> Bool {
        let chunk = Int(part.chunk)
        var entry = part.entry
        entry.pages = UInt8(state.countingPages(part.chunk, entry))
        guard chunk < state.map.chunkCount, entry.pages > 0,
            state.map[chunk].generation < entry.generation
        else { return false }
        let old = state.map[chunk]
        if !old.isEmpty { state.space.replace(old.extent) }
        state.map[chunk] = entry
        state.unrecorded.chunks.insert(part.chunk)
        return true
    }

    /// Releases one holder's use of a slot.
    private func letGo(of slot: FrameSlot) {
        let isLast = state.withLock { _ in
            slot.holders -= 1
            return slot.holders == 0
        }
        if isLast { disk.frames.giveBack(slot) }
    }

    /// Writes blocks and returns once all are in the file.
    func write(_ block: BlockNumber, from pages: Span<PageAddress>, growing: Bool = false)
        throws(StorageError)
    {
        var done = 0
        while done < pages.count {
            let part = done..<min(pages.count, done + FrameSlot.maximumPages / 2)
            try relieve()
            let (slot, offset, byteCount) = try planWrite(
                block.advanced(by: done), from: pages.extracting(part), growing: growing)
            do throws(StorageError) {
                try opened().data.writeFully(
                    unsafe UnsafeRawBufferPointer(slot.bytes(0..<byteCount)).bytes, at: offset)
            } catch {
                finishWrite(slot, written: 0)
                throw naming(
                    error, as: growing ? .extendFailed : .writeFailed,
                    block: block.advanced(by: done))
            }
            finishWrite(slot, written: byteCount)
            done = part.upperBound
        }
    }
}
