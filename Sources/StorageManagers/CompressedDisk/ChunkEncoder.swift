internal import AsyncIO
internal import CPlatform
internal import CZstd
internal import StorageManager

/// How a chunk's pages are stored.
enum ChunkEncoding: UInt8 {
    /// Unchanged.
    case raw
    /// One zstd frame of the unchanged pages.
    case zstd
    /// One zstd frame of the output of ``HeapTransform``.
    case rearranged
}

/// The result of encoding some pages.
struct EncodedChunk: Equatable {
    var encoding: ChunkEncoding
    /// Size after decompression.
    var plainBytes: Int
    /// Size as stored.
    var storedBytes: Int
}

/// Which encoding was best for recent chunks. Neighbours are similar, so not every chunk is tried
/// with every encoding.
struct EncodingHabit {
    /// One chunk in this many is encoded in all ways.
    private static let interval = 64

    private var age = 0
    fileprivate var best = Way.columns

    fileprivate enum Way: CaseIterable {
        case columns
        case rearranged
        case plain
    }

    /// The encodings to try now.
    fileprivate mutating func ways() -> [Way] {
        defer { age += 1 }
        return age % Self.interval == 0 ? Way.allCases : [best]
    }
}

/// Compresses chunks. Used by one thread at a time. Allocates its memory when it is made.
@safe
final class ChunkEncoder: @unchecked Sendable {
    /// Valid until `deinit`.
    private let context: OpaquePointer
    private var transform = HeapTransform()
    private let plain: UnsafeMutableRawBufferPointer
    private let trial: UnsafeMutableRawBufferPointer

    /// - Throws: `resourcesExhausted` if zstd gets no memory.
    init() throws(StorageError) {
        guard let context = unsafe ZSTD_createCCtx() else {
            throw StorageError(
                .resourcesExhausted, "there is no memory to compress with",
                remedy: "Lower the memory that the process uses elsewhere.")
        }
        unsafe self.context = unsafe context
        let plainSize = HeapTransform.maximumSize(pages: HeapTransform.maximumPages)
        unsafe plain = .allocate(byteCount: plainSize, alignment: unitSize)
        let trialSize = ZSTD_compressBound(plainSize)
        unsafe trial = .allocate(byteCount: trialSize, alignment: unitSize)
    }

    deinit {
        unsafe ZSTD_freeCCtx(context)
        transform.free()
        unsafe plain.deallocate()
        unsafe trial.deallocate()
    }

    /// Encodes pages in the way that is probably shortest; raw if no way saves a unit.
    ///
    /// - Parameters:
    ///   - level: zstd's level.
    ///   - output: room for the unencoded pages.
    func encode(
        _ pages: Span<PageAddress>, level: Int32, habit: inout EncodingHabit,
        into output: UnsafeMutableRawBufferPointer
    ) -> EncodedChunk {
        precondition(!pages.isEmpty && output.count >= pages.count * blockSize)
        var result = EncodedChunk(
            encoding: .raw, plainBytes: pages.count * blockSize,
            storedBytes: pages.count * blockSize)
        let limit = result.storedBytes - unitSize
        for way in habit.ways() {
            let (plainBytes, encoding) = prepare(pages, way)
            let stored = unsafe ZSTD_compressCCtx(
                context, trial.baseAddress, trial.count, plain.baseAddress, plainBytes, level)
            // It fails only for lack of memory; the pages are then stored uncompressed.
            guard ZSTD_isError(stored) == 0, stored <= limit, stored < result.storedBytes else {
                continue
            }
            unsafe output.baseAddress!.copyMemory(from: trial.baseAddress!, byteCount: stored)
            result = EncodedChunk(
                encoding: encoding, plainBytes: plainBytes, storedBytes: stored)
            habit.best = way
        }
        if result.encoding == .raw { unsafe copy(pages, to: output) }
        return result
    }

    /// Prepares the bytes to compress. Returns their number and the encoding; pages that cannot be
    /// rearranged stay unchanged.
    private func prepare(_ pages: Span<PageAddress>, _ way: EncodingHabit.Way)
        -> (count: Int, ChunkEncoding)
    {
        if way != .plain,
            let count = unsafe transform.encode(
                pages, hasColumns: way == .columns, into: plain)
        {
            return (count, .rearranged)
        }
        unsafe copy(pages, to: plain)
        return (pages.count * blockSize, .zstd)
    }

    private func copy(_ pages: Span<PageAddress>, to memory: UnsafeMutableRawBufferPointer) {
        for position in pages.indices {
            unsafe (memory.baseAddress! + position * blockSize).copyMemory(
                from: pages[position].pointer, byteCount: blockSize)
        }
    }
}
