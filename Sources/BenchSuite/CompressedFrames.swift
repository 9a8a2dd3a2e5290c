internal import CZstd
internal import Strata
internal import Threads

/// The zstd frames of a data file, to decompress with zstd alone.
@safe
final class CompressedFrames: @unchecked Sendable {
    /// The file's bytes, allocated until `deinit`, unchanged once read.
    private let memory: UnsafeMutableRawBufferPointer
    /// The ranges of the frames, and their decompressed sizes.
    private var frames: [(range: Range<Int>, plainBytes: Int)] = []

    private static let unit = 4096
    private static let headerSize = 64
    private static let largestPlain = 1 << 18

    init(_ path: String) throws(BenchFailure) {
        let file = try BenchFile(path)
        let count = try file.byteCount
        unsafe memory = .allocate(byteCount: count, alignment: Self.unit)
        if let start = unsafe memory.baseAddress {
            try unsafe file.read(into: start, from: 0, count: count)
        }
        var unit = Self.unit
        while unsafe unit + Self.headerSize <= memory.count {
            func field(_ offset: Int) -> Int {
                unsafe Int(
                    UInt32(
                        littleEndian: memory.load(fromByteOffset: unit + offset, as: UInt32.self)))
            }
            guard field(0) == 0x3143_5A53, unsafe memory[unit + 5] != 0 else {
                unit += Self.unit
                continue
            }
            let (stored, plain) = (field(20), field(24))
            let start = unit + Self.headerSize
            guard unsafe start + stored <= memory.count, plain <= Self.largestPlain else { break }
            frames.append((start..<start + stored, plain))
            unit += (Self.headerSize + stored + Self.unit - 1) / Self.unit * Self.unit
        }
    }

    deinit { unsafe memory.deallocate() }

    /// Times decompressing all frames on `threads` threads, each with memory of its own.
    func time(threads: Int) throws(BenchFailure) -> BenchTime {
        try BenchThreads.time(threads) { (_) throws(BenchFailure) in
            FrameDecoder(largest: Self.largestPlain)
        } _: { (index, decoder) throws(BenchFailure) in
            var sum: UInt64 = 0
            for position in stride(from: index, to: self.frames.count, by: threads) {
                let frame = self.frames[position]
                let bytes = unsafe UnsafeRawBufferPointer(rebasing: self.memory[frame.range])
                guard unsafe decoder.decode(bytes) == frame.plainBytes else {
                    throw .wrongSum("compress")
                }
                sum &+= UInt64(frame.plainBytes)
            }
            return sum
        }.time
    }
}

/// A zstd context with memory to decompress into. Used by one thread at a time.
@safe
private final class FrameDecoder {
    /// Both live until `deinit`.
    private let context: OpaquePointer?
    private let plain: UnsafeMutableRawBufferPointer

    init(largest: Int) {
        unsafe context = ZSTD_createDCtx()
        unsafe plain = .allocate(byteCount: largest, alignment: 4096)
    }

    deinit {
        unsafe ZSTD_freeDCtx(context)
        unsafe plain.deallocate()
    }

    func decode(_ bytes: UnsafeRawBufferPointer) -> Int {
        unsafe ZSTD_decompressDCtx(
            context, plain.baseAddress, plain.count, bytes.baseAddress, bytes.count)
    }
}
