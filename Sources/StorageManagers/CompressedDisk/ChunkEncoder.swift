internal import AsyncIO
internal import CPlatform
internal import CZstd
internal import StorageManager

/// How a chunk's pages are kept.
enum ChunkEncoding: UInt8 {
    /// As they are.
    case raw
    /// One zstd frame of the pages as they are.
    case zstd
    /// One zstd frame of what ``HeapTransform`` makes of the pages.
    case rearranged
}

/// What has come of encoding some pages.
struct EncodedChunk: Equatable {
    var encoding: ChunkEncoding
    /// How many bytes decompressing gives.
    var plainBytes: Int
    /// How many bytes were written.
    var storedBytes: Int
}

/// Which way to encode was the best for recent chunks. Neighbours are alike, so that not every
/// chunk has to be tried in every way.
struct EncodingHabit {
    /// One chunk in so many is encoded in all ways.
    private static let interval = 64

    private var age = 0
    fileprivate var best = Way.columns

    fileprivate enum Way: CaseIterable {
        case columns
        case rearranged
        case plain
    }

    /// The ways to try now.
    fileprivate mutating func ways() -> [Way] {
        defer { age += 1 }
        return age % Self.interval == 0 ? Way.allCases : [best]
    }
}

/// Compresses chunks. One thread at a time; makes its memory when it is made.
@safe
final class ChunkEncoder: @unchecked Sendable {
    /// Valid until `deinit`.
    private let context: OpaquePointer
    private var transform = HeapTransform()
    private let plain: UnsafeMutableRawBufferPointer
    private let trial: UnsafeMutableRawBufferPointer

    /// - Throws: `resourcesExhausted` when zstd gets no memory.
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

    /// Encodes pages in the way that is likely to be the shortest; raw where none saves a unit.
    ///
    /// - Parameters:
    ///   - level: zstd's.
    ///   - output: room for the pages as they are.
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
            // It fails only without memory; what is not compressed is kept as it is.
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

    /// Makes what is to be compressed; how many bytes, and which encoding that is: pages that
    /// cannot be rearranged stay as they are.
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
