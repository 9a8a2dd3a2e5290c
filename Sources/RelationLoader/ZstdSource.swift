internal import CZstd
internal import RowText
internal import Threads

/// Decompresses zstd while it is read: any number of frames, one after the other.
///
/// Memory is that of the frames' window, at most 128 MiB, as for the program zstd. Used by one
/// thread at a time.
@safe
final class ZstdSource: ByteSource {
    let name: String
    /// Unknown: frames need not say it.
    let totalByteCount: Int? = nil

    private var source: any ByteSource
    private let context: OpaquePointer
    private var input: [UInt8] = []
    /// How many bytes of the input were decompressed.
    private var position = 0
    private var hasEnded = false
    private var isWithinFrame = false

    /// The first bytes of a frame, least significant first.
    private static let magic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
    /// Those of a frame without contents, behind a first byte from 0x50 to 0x5F. Programs that
    /// compress on several threads begin with one.
    private static let skippableMagic: [UInt8] = [0x2A, 0x4D, 0x18]
    private static let chunkSize = 128 << 10

    /// The source, decompressed if it begins as zstd does.
    ///
    /// - Throws: what reading it throws.
    static func unpacking(_ source: any ByteSource) throws(LoadError) -> any ByteSource {
        let start = try SourceStart(source, length: magic.count)
        let isSkippable =
            start.bytes.first.map { $0 & 0xF0 == 0x50 } == true
            && start.bytes.dropFirst().elementsEqual(skippableMagic)
        return start.bytes == magic || isSkippable ? try ZstdSource(start.whole) : start.whole
    }

    private init(_ source: any ByteSource) throws(LoadError) {
        guard let context = unsafe ZSTD_createDStream() else {
            throw LoadError(.read(code: ENOMEM), source: source.name)
        }
        unsafe self.context = unsafe context
        name = source.name
        self.source = source
    }

    deinit {
        unsafe ZSTD_freeDStream(context)
    }

    func read(into buffer: inout OutputSpan<UInt8>) throws(LoadError) -> Int {
        if buffer.isFull { return 0 }
        while true {
            if position == input.count && !hasEnded { try fill() }
            if position == input.count && !isWithinFrame { return 0 }
            let before = buffer.count
            let code = decompress(into: &buffer)
            if ZSTD_isError(code) != 0 {
                throw ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge
                    ? LoadError(.fileKind(.zstdWithLongWindow), source: name)
                    : damaged(unsafe String(cString: ZSTD_getErrorName(code)))
            }
            isWithinFrame = code != 0
            if buffer.count > before { return buffer.count - before }
            if hasEnded && position == input.count && isWithinFrame {
                throw damaged("it ends within a frame")
            }
        }
    }

    private func fill() throws(LoadError) {
        input = try [UInt8](capacity: Self.chunkSize) { span throws(LoadError) in
            _ = try source.read(into: &span)
        }
        position = 0
        hasEnded = input.isEmpty
    }

    /// Decompresses as much as fits. Returns zstd's code: an error, or zero behind a frame.
    private func decompress(into buffer: inout OutputSpan<UInt8>) -> Int {
        unsafe buffer.withUnsafeMutableBufferPointer { bytes, initialized in
            unsafe input.withUnsafeBytes { raw in
                var from = unsafe ZSTD_inBuffer(
                    src: raw.baseAddress, size: raw.count, pos: position)
                var to = unsafe ZSTD_outBuffer(
                    dst: bytes.baseAddress, size: bytes.count, pos: initialized)
                let code = unsafe ZSTD_decompressStream(context, &to, &from)
                position = unsafe from.pos
                initialized = unsafe to.pos
                return code
            }
        }
    }

    private func damaged(_ reason: String) -> LoadError {
        LoadError(.damagedCompression(reason), source: name)
    }
}
