internal import StorageManager

/// The fork and relation that a file or a chunk belongs to.
struct ChunkIdentity: Hashable, Sendable {
    let database: UInt32
    let number: UInt32
    let fork: Fork

    init(_ locator: RelationLocator, _ fork: Fork) {
        database = locator.database
        number = locator.number
        self.fork = fork
    }

    /// A fork that a file claims to belong to; nil if there is no such fork.
    init?(database: UInt32, number: UInt32, fork: UInt32) {
        guard let fork = UInt8(exactly: fork).flatMap(Fork.init(rawValue:)) else { return nil }
        self.database = database
        self.number = number
        self.fork = fork
    }
}

extension ChunkIdentity: CustomStringConvertible {
    var description: String { "relation base/\(database)/\(number)\(fork.suffix)" }
}

/// Little-endian numbers in memory that is known to be long enough.
///
/// The code that makes it guarantees that `count` bytes are readable, and writable if they are
/// written.
@safe
struct RawFields {
    private let start: UnsafeMutableRawPointer
    let count: Int

    @unsafe
    init(_ start: UnsafeMutableRawPointer, count: Int) {
        unsafe self.start = unsafe start
        self.count = count
    }

    func get<Number: FixedWidthInteger & BitwiseCopyable>(
        _ offset: Int, as type: Number.Type = Number.self
    )
        -> Number
    {
        precondition(offset >= 0 && offset + MemoryLayout<Number>.size <= count)
        return unsafe Number(littleEndian: start.loadUnaligned(fromByteOffset: offset, as: type))
    }

    func set<Number: FixedWidthInteger & BitwiseCopyable>(_ value: Number, _ offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<Number>.size <= count)
        unsafe start.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Number.self)
    }

    /// The bytes after the first `offset`.
    func dropFirst(_ offset: Int) -> RawFields {
        precondition(offset >= 0 && offset <= count)
        return unsafe RawFields(start + offset, count: count - offset)
    }

    /// Some of the bytes.
    @unsafe
    func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return unsafe UnsafeRawBufferPointer(
            start: start + range.lowerBound, count: range.count)
    }
}
