import Strata

/// Bytes in memory that somebody else keeps: a key, a value, a part of a log record.
///
/// Unsafe: valid only during the call that it was passed to.
struct Bytes {
    let start: UnsafeRawPointer
    let count: Int

    /// No bytes.
    static var none: Bytes { Bytes(start: UnsafeRawPointer(bitPattern: 8)!, count: 0) }

    init(start: UnsafeRawPointer, count: Int) {
        self.start = start
        self.count = count
    }

    init(_ buffer: UnsafeRawBufferPointer) {
        guard let start = buffer.baseAddress else {
            self = .none
            return
        }
        self.init(start: start, count: buffer.count)
    }

    var span: RawSpan {
        @_lifetime(immortal)
        @inline(__always)
        get {
            _overrideLifetime(RawSpan(_unsafeStart: start, byteCount: count), borrowing: ())
        }
    }

    /// All but the first `length` bytes; none if there are no more.
    @inline(__always)
    func dropping(_ length: Int) -> Bytes {
        let dropped = min(length, count)
        return Bytes(start: start + dropped, count: count &- dropped)
    }

    /// The first `length` bytes.
    func prefix(_ length: Int) -> Bytes { Bytes(start: start, count: min(length, count)) }

    /// The first four bytes as a number that sorts as they do; bytes that are missing count as
    /// zero.
    @inline(__always)
    var head: UInt32 {
        if count >= 4 { return UInt32(bigEndian: start.loadUnaligned(as: UInt32.self)) }
        var head: UInt32 = 0
        for position in 0..<count {
            head |=
                UInt32(start.load(fromByteOffset: position, as: UInt8.self))
                << UInt32(24 &- 8 &* position)
        }
        return head
    }

    /// How many bytes two keys have in common at their beginning.
    static func commonPrefix(_ left: Bytes, _ right: Bytes) -> Int {
        let most = min(left.count, right.count)
        var length = 0
        while length < most,
            left.start.load(fromByteOffset: length, as: UInt8.self)
                == right.start.load(fromByteOffset: length, as: UInt8.self)
        { length += 1 }
        return length
    }

    /// Whether the left key sorts before the right one.
    static func < (left: Bytes, right: Bytes) -> Bool {
        let length = commonPrefix(left, right)
        if length == right.count { return false }
        if length == left.count { return true }
        return left.start.load(fromByteOffset: length, as: UInt8.self)
            < right.start.load(fromByteOffset: length, as: UInt8.self)
    }

    func load<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as: Value.Type) -> Value {
        Value(littleEndian: start.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    var array: [UInt8] { Array(UnsafeRawBufferPointer(start: start, count: count)) }
}
