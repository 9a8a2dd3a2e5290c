internal import Threads

/// One file of a ``ShadowFileSystem``: the underlying file, and the blocks that differ from it.
/// Guarded by the file system's lock, except for reading unchanged parts of the underlying file.
final class ShadowFile: @unchecked Sendable {
    /// Its underlying path; nil for a file created here.
    let below: String?
    private let identity: FileStatus
    /// The underlying descriptor, for reading; negative while it is not open.
    var descriptor: CInt = -1
    var users = 0
    private(set) var size: Int
    /// How many bytes of the underlying file are still visible.
    private var sourceSize: Int
    private var blocks: [Int: [UInt8]] = [:]

    private static let blockLength = 4096

    /// Makes a file over an underlying one.
    init(below path: String, status: FileStatus) {
        below = path
        identity = status
        size = Int(status.size)
        sourceSize = Int(status.size)
    }

    /// Makes a new, empty file.
    init(serial: UInt64) {
        below = nil
        identity = FileStatus(kind: .file, size: 0, device: .max, serial: serial)
        size = 0
        sourceSize = 0
    }

    var status: FileStatus {
        var status = identity
        status.size = Int64(size)
        return status
    }

    /// Whether its contents are exactly the underlying file's.
    var isUnchanged: Bool { blocks.isEmpty && size == sourceSize && size == Int(identity.size) }

    @unsafe
    func read(
        _ vectors: UnsafeBufferPointer<iovec>, _ offset: Int, _ underlying: any FileSystem
    ) -> Int {
        let wanted = unsafe vectors.reduce(0) { unsafe $0 + $1.iov_len }
        let count = max(0, min(wanted, size - offset))
        var bytes = [UInt8](repeating: 0, count: count)
        let error = fill(&bytes, offset, underlying)
        if error < 0 { return error }
        var done = 0
        for index in vectors.indices where done < count {
            let vector = unsafe vectors[index]
            let part = unsafe min(vector.iov_len, count - done)
            unsafe bytes.withUnsafeBytes { bytes in
                if let base = bytes.baseAddress {
                    unsafe vector.iov_base?.copyMemory(from: base + done, byteCount: part)
                }
            }
            done += part
        }
        return count
    }

    /// Reads bytes below ``size``.
    private func fill(_ bytes: inout [UInt8], _ offset: Int, _ underlying: any FileSystem) -> Int {
        let source = min(bytes.count, max(0, sourceSize - offset))
        var done = 0
        while done < source {
            let moved = unsafe bytes.withUnsafeMutableBytes { bytes in
                var vector = unsafe iovec(
                    iov_base: bytes.baseAddress.map { unsafe $0 + done }, iov_len: source - done)
                return unsafe withUnsafePointer(to: &vector) { vector in
                    retrying {
                        unsafe underlying.read(
                            descriptor, UnsafeBufferPointer(start: vector, count: 1),
                            at: Int64(offset + done))
                    }
                }
            }
            if moved < 0 { return moved }
            if moved == 0 { break }
            done += moved
        }
        let length = Self.blockLength
        for number in offset / length..<(offset + bytes.count + length - 1) / length {
            guard let block = blocks[number] else { continue }
            let start = max(offset, number * length)
            let end = min(offset + bytes.count, (number + 1) * length)
            bytes.replaceSubrange(
                start - offset..<end - offset,
                with: block[start - number * length..<end - number * length])
        }
        return 0
    }

    @unsafe
    func write(
        _ vectors: UnsafeBufferPointer<iovec>, _ offset: Int, _ underlying: any FileSystem
    ) -> Int {
        var bytes: [UInt8] = []
        for index in vectors.indices {
            let vector = unsafe vectors[index]
            unsafe bytes.append(
                contentsOf: UnsafeRawBufferPointer(start: vector.iov_base, count: vector.iov_len))
        }
        size = max(size, offset + bytes.count)
        let length = Self.blockLength
        var position = offset
        while position < offset + bytes.count {
            let number = position / length
            let end = min((number + 1) * length, offset + bytes.count)
            let error = keep(number, underlying)
            if error < 0 { return error }
            blocks[number]?.replaceSubrange(
                position - number * length..<end - number * length,
                with: bytes[position - offset..<end - offset])
            position = end
        }
        return bytes.count
    }

    /// Makes a block of its own in place of the underlying one.
    private func keep(_ number: Int, _ underlying: any FileSystem) -> Int {
        if blocks[number] != nil { return 0 }
        var block = [UInt8](repeating: 0, count: Self.blockLength)
        let error = fill(&block, number * Self.blockLength, underlying)
        if error == 0 { blocks[number] = block }
        return error
    }

    func setSize(_ new: Int, _ underlying: any FileSystem) -> CInt {
        let length = Self.blockLength
        if new < size {
            let rest = new % length
            if rest > 0 {
                let error = keep(new / length, underlying)
                if error < 0 { return CInt(clamping: error) }
                blocks[new / length]?.replaceSubrange(
                    rest..<length, with: repeatElement(0, count: length - rest))
            }
            blocks = blocks.filter { $0.key * length < new }
            sourceSize = min(sourceSize, new / length * length)
        }
        size = new
        return 0
    }
}
