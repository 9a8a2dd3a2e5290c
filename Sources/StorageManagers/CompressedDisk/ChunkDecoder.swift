internal import AsyncIO
internal import CZstd
internal import StorageManager

/// Decompresses chunks in memory that it allocates when it is made. It never allocates, throws or
/// traps afterwards, for any input. Used by one thread at a time.
@safe
final class ChunkDecoder {
    /// In `workspace`, which is allocated until `deinit`.
    private let context: OpaquePointer
    private let workspace: UnsafeMutableRawPointer
    private let plain: UnsafeMutableRawBufferPointer

    private static let largestPlain = HeapTransform.maximumSize(
        pages: HeapTransform.maximumPages)

    /// - Throws: `resourcesExhausted` if zstd refuses its memory.
    init() throws(StorageError) {
        let size = ZSTD_estimateDCtxSize()
        unsafe workspace = .allocate(byteCount: size, alignment: 64)
        guard let context = unsafe ZSTD_initStaticDCtx(workspace, size) else {
            unsafe workspace.deallocate()
            throw StorageError(
                .resourcesExhausted, "there is no memory to decompress with",
                remedy: "Use another version of zstd.")
        }
        unsafe self.context = unsafe context
        unsafe plain = .allocate(
            byteCount: Self.largestPlain + HeapTransform.slack, alignment: unitSize)
    }

    deinit {
        unsafe workspace.deallocate()
        unsafe plain.deallocate()
    }

    /// Decodes pages of a chunk.
    ///
    /// - Parameters:
    ///   - payload: the output of encoding.
    ///   - plainBytes: the stated size after decompression.
    ///   - pageCount: the stated number of the chunk's pages, at most
    ///     ``HeapTransform/maximumPages``.
    ///   - wanted: which pages to decode; within `pageCount`.
    ///   - pages: the destinations, one for each wanted page.
    /// - Returns: false if the payload is damaged; the contents of the pages then mean nothing.
    func decode(
        _ payload: UnsafeRawBufferPointer, encoding: ChunkEncoding, plainBytes: Int,
        pageCount: Int, wanted: Range<Int>, into pages: Span<PageAddress>
    ) -> Bool {
        precondition(wanted.upperBound <= pageCount && wanted.count <= pages.count)
        guard pageCount <= HeapTransform.maximumPages, plainBytes <= Self.largestPlain else {
            return false
        }
        switch encoding {
        case .raw:
            guard payload.count == pageCount * blockSize else { return false }
            unsafe copy(payload, wanted, pages)
            return true
        case .zstd:
            guard plainBytes == pageCount * blockSize else { return false }
            if wanted.count == pageCount, let target = unsafe Self.adjacent(pages, pageCount) {
                return unsafe decompress(payload, plainBytes, into: target)
            }
            guard unsafe decompress(payload, plainBytes, into: plain) else { return false }
            unsafe copy(UnsafeRawBufferPointer(plain), wanted, pages)
            return true
        case .rearranged:
            guard unsafe decompress(payload, plainBytes, into: plain) else { return false }
            return unsafe HeapTransform.decode(
                UnsafeRawBufferPointer(rebasing: plain[..<plainBytes]), pageCount: pageCount,
                wanted: wanted, into: pages)
        }
    }

    private func decompress(
        _ payload: UnsafeRawBufferPointer, _ plainBytes: Int,
        into target: UnsafeMutableRawBufferPointer
    ) -> Bool {
        // The frame's own statement of its size, before it is decompressed.
        guard unsafe ZSTD_getFrameContentSize(payload.baseAddress, payload.count) == plainBytes
        else { return false }
        return unsafe ZSTD_decompressDCtx(
            context, target.baseAddress, min(target.count, plainBytes), payload.baseAddress,
            payload.count) == plainBytes
    }

    private func copy(
        _ plain: UnsafeRawBufferPointer, _ wanted: Range<Int>, _ pages: Span<PageAddress>
    ) {
        for position in wanted {
            unsafe pages[position - wanted.lowerBound].pointer.copyMemory(
                from: plain.baseAddress! + position * blockSize, byteCount: blockSize)
        }
    }

    /// The memory of contiguous pages; nil if they are not contiguous.
    private static func adjacent(_ pages: Span<PageAddress>, _ count: Int)
        -> UnsafeMutableRawBufferPointer?
    {
        let first = unsafe pages[0].pointer
        for position in 1..<max(1, count)
        where unsafe pages[position].pointer != first + position * blockSize { return nil }
        return unsafe UnsafeMutableRawBufferPointer(start: first, count: count * blockSize)
    }
}
