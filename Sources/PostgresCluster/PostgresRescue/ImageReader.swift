internal import AsyncIO
internal import FileAccess
internal import PageFormat
internal import StorageManager

/// Reads an image once from beginning to end, with several reads in flight, and hands out every
/// place where a page may begin. Belongs to its session's thread.
final class ImageReader {
    private let image: ImageRescue
    private let file: VirtualFile
    /// Groups of pages: one for the end of the chunk before, then a chunk.
    private let memory: PageSlots
    /// The end of the last chunk.
    private let tail = PageSlots(slots: 1, pages: 1)
    /// How many bytes in a row could not be read.
    private var unreadableBytes = 0
    private var reads: IOWindow<Read>
    /// Where what could not be read begins and ends, in bytes.
    var unreadable: (Range<Int64>) -> Void = { _ in }

    /// A read in flight.
    private struct Read {
        let slot: Int
        let offset: Int64
    }

    /// Partitions and file systems' blocks begin at multiples of this.
    static let sector = 512
    private static let depth = 4
    /// The pages of one read: 512 KiB.
    private static let chunkPages = 64
    private static let chunkBytes = chunkPages * blockSize
    /// What cannot be read at once is read in pieces of this size.
    private static let pieceBytes = 4096
    /// A device of which so much in a row cannot be read has no more to give.
    private static let mostUnreadable = 1 << 30

    init(_ image: ImageRescue, _ session: Session) throws(StorageError) {
        self.image = image
        file = try image.files.open(image.name, .readOnly)
        let depth = max(1, min(Self.depth, session.system.handlesPerSession))
        memory = PageSlots(slots: depth, pages: Self.chunkPages + 1)
        reads = IOWindow(session, limit: depth)
    }

    /// Calls `body` with the position of each place, and the page there. It returns how many bytes
    /// to go on by, or nil to end.
    ///
    /// - Parameter progress: is given how many bytes were read.
    /// - Throws: what `body` throws; `resourcesExhausted`, `closed`.
    func forEachPlace(
        progress: (UInt64) -> Void,
        _ body: (Int64, PageView) throws(StorageError) -> Int?
    ) throws(StorageError) {
        var (nextRead, nextPlace): (Int64, Int64) = (0, 0)
        var free = Array(0..<memory.slots)
        // What is in flight writes into this object's memory.
        defer { reads.drain() }
        while true {
            while let slot = free.popLast() {
                try start(slot, nextRead)
                nextRead += Int64(Self.chunkBytes)
            }
            guard let ended = reads.finishOldest() else { return }
            if let failure = ended.failure { throw failure }
            let read = ended.purpose
            let count = finish(read, ended.report.result)
            let (front, last) = (memory.address(read.slot, 0), tail.address(0, 0))
            unsafe front.pointer.copyMemory(from: last.pointer, byteCount: blockSize)
            let end = read.offset + Int64(count)
            let start = read.offset - Int64(blockSize)
            while nextPlace + Int64(blockSize) <= end {
                let view = view(read.slot, Int(nextPlace - start))
                guard let step = try body(nextPlace, view) else { return }
                nextPlace += Int64(max(Self.sector, step))
            }
            progress(UInt64(end))
            if count < Self.chunkBytes || unreadableBytes >= Self.mostUnreadable { return }
            unsafe last.pointer.copyMemory(
                from: memory.address(read.slot, Self.chunkPages).pointer, byteCount: blockSize)
            free.append(read.slot)
        }
    }

    @_lifetime(borrow self)
    private func view(_ slot: Int, _ offset: Int) -> PageView {
        // The IO into the slot is over. The place and a page behind it are within the slot.
        precondition(offset >= 0 && offset + blockSize <= (Self.chunkPages + 1) * blockSize)
        return unsafe PageView(
            unsafePage: UnsafeRawPointer(memory.address(slot, 0).pointer + offset))
    }

    private func chunk(_ slot: Int) -> UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(
            start: memory.address(slot, 1).pointer, count: Self.chunkBytes)
    }

    private func start(_ slot: Int, _ offset: Int64) throws(StorageError) {
        let read = Read(slot: slot, offset: offset)
        let block = UInt32(truncatingIfNeeded: offset / Int64(blockSize)) & 0x7FFF_FFFF
        let label = RelationLabel(
            RelationLocator(database: 0, number: 0), .main, block: BlockNumber(block),
            count: UInt32(Self.chunkPages), manager: StorageManagerID(rawValue: 0))
        do throws(StorageError) {
            try reads.start { [image, file] handle throws(StorageError) in
                do throws(StorageError) {
                    try handle.setTarget(image.target, data: label.targetData)
                    try unsafe handle.appendVector(self.chunk(slot))
                } catch {
                    handle.release()
                    throw error
                }
                try file.startRead(handle, at: offset)
                return read
            }
        } catch {
            if error.code == .closed { throw error }
            // It is read in pieces, each with an error of its own.
            reads.add(unstarted: read)
        }
    }

    /// Makes a chunk complete, as far as the image goes. Returns how many bytes it has; what could
    /// not be read is zero.
    private func finish(_ read: Read, _ result: IOResult) -> Int {
        let isThere = result.status == .ok || result.status == .partial
        var count = isThere ? min(max(0, Int(result.value)), Self.chunkBytes) : 0
        // A read may end early; only one without a byte is at the end.
        count -= count % Self.pieceBytes
        if count > 0 { unreadableBytes = 0 }
        while count < Self.chunkBytes {
            let size = min(Self.pieceBytes, Self.chunkBytes - count)
            let piece = unsafe UnsafeMutableRawBufferPointer(
                rebasing: chunk(read.slot)[count..<count + size])
            let offset = read.offset + Int64(count)
            guard let found = try? unsafe file.readFully(into: piece, at: offset) else {
                unsafe piece.initializeMemory(as: UInt8.self, repeating: 0)
                unreadable(offset..<offset + Int64(size))
                count += size
                unreadableBytes += size
                continue
            }
            unreadableBytes = 0
            count += found
            if found < size { break }
        }
        return count
    }

    /// Reads a page again, anywhere. Nil if it is not there.
    func page(at offset: Int64, into page: PageAddress) -> Bool {
        (try? unsafe file.readFully(into: page.bytes, at: offset)) == blockSize
    }
}
