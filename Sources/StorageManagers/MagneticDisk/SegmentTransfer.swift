internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import Threads

/// Moves pages between memory and one segment, blocking, until all are moved or the file ends.
///
/// A value on the calling thread's stack; the pages stay valid during ``run(_:at:)``. Allocates
/// nothing for any number of pages: vectors are used in groups.
@safe
struct SegmentTransfer {
    private static let groupSize = 64

    private let file: VirtualFile
    private let isRead: Bool
    /// The vectors of the current group; those from `first` to below `end` are still to be moved.
    private var vectors = unsafe InlineArray<64, iovec>(repeating: iovec())
    private var first = 0
    private var end = 0

    init(_ operation: BlockOperation, on file: VirtualFile) {
        self.file = file
        isRead = operation == .read
    }

    /// Moves the pages.
    ///
    /// - Returns: the number of bytes moved; less than all at the end of the file, or if the device
    ///   took no more without an error.
    mutating func run(_ pages: Span<PageAddress>, at offset: Int64) throws(StorageError) -> Int {
        var done = 0
        var page = 0
        while page < pages.count {
            (first, end) = (0, 0)
            let start = page
            while page < pages.count, append(pages[page]) { page += 1 }
            let wanted = (page - start) * blockSize
            let moved = try moveGroup(wanted, at: offset + Int64(done))
            done += moved
            if moved < wanted { break }
        }
        return done
    }

    /// Appends a page to the group, merged with the previous one if they touch. Returns false if
    /// the group is full.
    private mutating func append(_ page: PageAddress) -> Bool {
        let bytes = unsafe page.bytes
        if end > 0 {
            let last = unsafe vectors[end - 1]
            if let base = unsafe last.iov_base, unsafe base + last.iov_len == bytes.baseAddress {
                unsafe vectors[end - 1].iov_len += blockSize
                return true
            }
        }
        if end == Self.groupSize { return false }
        unsafe vectors[end] = iovec(iov_base: bytes.baseAddress, iov_len: blockSize)
        end += 1
        return true
    }

    private mutating func moveGroup(_ wanted: Int, at offset: Int64) throws(StorageError) -> Int {
        var done = 0
        while done < wanted {
            let moved: Int
            do throws(StorageError) {
                moved = try moveOnce(at: offset + Int64(done))
            } catch {
                // Direct IO that stopped within a sector did so at the end of the file.
                if done > 0, error.code == .misalignedIO { return done }
                throw error
            }
            if moved == 0 { return done }
            done += moved
            if done < wanted { drop(moved) }
        }
        return done
    }

    private func moveOnce(at offset: Int64) throws(StorageError) -> Int {
        let rest = unsafe vectors.span.extracting(first..<end)
        return try unsafe rest.withUnsafeBufferPointer { (rest) throws(StorageError) in
            isRead
                ? try unsafe file.read(into: rest, at: offset)
                : try unsafe file.write(rest, at: offset)
        }
    }

    /// Removes `count` moved bytes from the group.
    private mutating func drop(_ count: Int) {
        var count = count
        while count > 0 {
            let step = unsafe min(count, vectors[first].iov_len)
            unsafe vectors[first].iov_base += step
            unsafe vectors[first].iov_len -= step
            if unsafe vectors[first].iov_len == 0 { first += 1 }
            count -= step
        }
    }
}
