/// The first 24 bytes of a heap tuple, as three words.
struct TupleHeader {
    /// `t_xmin`, `t_xmax`.
    private var first: UInt64 = 0
    /// The command or `t_xvac`, and the block of `t_ctid`, its high half first.
    private var second: UInt64 = 0
    /// The position of `t_ctid`, the two mask fields, `t_hoff`, and a byte of the null bitmap.
    private var third: UInt64 = 0

    init() {}

    /// Reads 24 bytes from `start` on.
    @inline(__always)
    init(_ start: UnsafeRawPointer) {
        first = unsafe UInt64(littleEndian: start.loadUnaligned(as: UInt64.self))
        second = unsafe UInt64(
            littleEndian: start.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        third = unsafe UInt64(
            littleEndian: start.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
    }

    /// Predicts the header of the next tuple.
    @inline(__always)
    mutating func advance() {
        third = third & ~0xFFFF | UInt64(UInt16(truncatingIfNeeded: third) &+ 1)
    }

    /// Predicts like ``advance()``, for the first tuple of the next page.
    @inline(__always)
    mutating func beginPage() {
        let (high, low) = (second >> 32 & 0xFFFF, second >> 48)
        let block = UInt32(high << 16 | low) &+ 1
        second = second & 0xFFFF_FFFF | UInt64(block >> 16) << 32 | UInt64(block & 0xFFFF) << 48
        third &= ~0xFFFF
    }

    func equals(_ other: TupleHeader) -> Bool {
        first == other.first && second == other.second && third == other.third
    }

    /// Exclusive or, which is its own inverse.
    @inline(__always)
    func difference(_ other: TupleHeader) -> TupleHeader {
        var result = self
        result.first ^= other.first
        result.second ^= other.second
        result.third ^= other.third
        return result
    }

    @inline(__always)
    func store(_ target: UnsafeMutableRawPointer) {
        unsafe target.storeBytes(of: first.littleEndian, as: UInt64.self)
        unsafe target.storeBytes(of: second.littleEndian, toByteOffset: 8, as: UInt64.self)
        unsafe target.storeBytes(of: third.littleEndian, toByteOffset: 16, as: UInt64.self)
    }
}
