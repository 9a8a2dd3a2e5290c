/// Decompressed bytes, parts of which are copied again. Never exceeds its initial size.
package struct OutputWindow {
    /// The bytes, behind those that were there before; without those that were passed on and are no
    /// longer needed.
    package private(set) var bytes: [UInt8]
    /// Where they begin, and where they end at last.
    private let start: Int
    private let end: Int
    /// How many bytes were removed from the beginning.
    private var removed = 0
    /// How many of the bytes were passed on, and how many of those are kept for copies.
    private var passed = 0
    private let kept: Int
    /// From how many bytes on ``isLarge`` is true.
    private let largeCount: Int

    /// The bytes that are passed on at a time, about.
    package static let pieceSize = 1 << 19

    /// Makes one that holds the whole result.
    package init(size: Int, behind prefix: consuming [UInt8]?) {
        let isText = prefix != nil
        bytes = prefix ?? []
        start = bytes.count
        end = start &+ size
        kept = 0
        largeCount = .max
        if isText { bytes.reserveForText(of: size) } else { bytes.reserveCapacity(end) }
    }

    /// Makes one whose bytes are passed on, except the last `kept` ones, which can be copied.
    package init(size: Int, keeping kept: Int) {
        bytes = []
        start = 0
        end = size
        self.kept = kept
        largeCount = kept + Self.pieceSize
        bytes.reserveCapacity(min(size, largeCount + Self.pieceSize))
    }

    @inline(__always)
    package var room: Int { end &- bytes.count &- removed }
    @inline(__always)
    package var isFull: Bool { bytes.count &+ removed >= end }
    /// Whether it is time to pass bytes on.
    @inline(__always)
    package var isLarge: Bool { bytes.count >= largeCount }

    /// Passes on what was not passed on yet. Returns what `take` returns.
    @inline(never)
    package mutating func passOn(_ take: (RawSpan) -> Bool) -> Bool {
        let goesOn = unsafe take(bytes.span.bytes.extracting(passed..<bytes.count))
        let surplus = bytes.count - kept
        if surplus > 0 {
            bytes.removeFirst(surplus)
            removed += surplus
        }
        passed = bytes.count
        return goesOn
    }

    /// Appends a byte. Callers must check ``isFull`` first.
    @inline(__always)
    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    /// Appends bytes of the input. Returns false if they run over the end.
    package mutating func append(_ span: RawSpan) -> Bool {
        guard span.byteCount <= room else { return false }
        unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        return true
    }

    /// Appends a copy of `length` bytes, at most ``room``, starting `distance` bytes before the
    /// end. The copy may overlap its source. Returns false if it does not begin within the value,
    /// or runs over the end.
    package mutating func copy(distance: Int, length: Int) -> Bool {
        guard distance >= 1, distance <= bytes.count &- start, length >= 0, length <= room else {
            return false
        }
        let source = bytes.count &- distance
        // Copies byte by byte: with a slice of the array, each copy would copy the whole array.
        for index in 0..<length { bytes.append(bytes[source &+ index]) }
        return true
    }
}
