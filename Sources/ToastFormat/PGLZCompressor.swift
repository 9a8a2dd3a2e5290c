internal import PageFormat

/// Compresses values as ``PGLZ`` decompresses them. Belongs to one thread; keeps its tables from
/// one value to the next.
///
/// Finds copies by the hash of three bytes, among the last few places with the same hash. Gives up
/// where PostgreSQL's `PGLZ_strategy_default` does: on values below 32 bytes, if the first 1024
/// bytes of output have no copy, and unless a quarter is saved.
package final class PGLZCompressor {
    /// The place after the last one with that hash; 0 for none.
    private var heads: [Int32]
    /// For each place of the window, the place after the one before it with the same hash.
    private var links: [Int32]

    private static let hashBits = 13
    private static let window = 4096
    /// How many places are looked at for one copy.
    private static let tries = 24
    /// A copy of this length is not compared with others.
    private static let goodLength = 128
    private static let leastInput = 32
    private static let firstSuccess = 1024

    package init() {
        heads = Array(repeating: 0, count: 1 << Self.hashBits)
        links = Array(repeating: 0, count: Self.window)
    }

    /// What a tuple or chunks hold of a value once it is compressed: a word with size and method,
    /// and the compressed bytes; nil if that does not save a quarter.
    package func compress(_ input: RawSpan) -> [UInt8]? {
        let count = input.byteCount
        guard count >= Self.leastInput, count <= ExternalPointer.largestValue else { return nil }
        let limit = count / 100 * 75 + count % 100 * 75 / 100
        for index in heads.indices { heads[index] = 0 }
        let size = UInt32(count)
        var output: [UInt8] = []
        output.reserveCapacity(min(limit, 1 << 16))
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            output.append(UInt8(truncatingIfNeeded: size >> shift))
        }
        return write(input, to: &output, limit: limit + StoredForm.wordSize) ? output : nil
    }

    private func write(_ input: RawSpan, to output: inout [UInt8], limit: Int) -> Bool {
        let count = input.byteCount
        var position = 0
        var control = 0
        var bit = UInt8(0)
        var hasCopy = false
        while position < count {
            if output.count >= limit || !hasCopy && output.count > Self.firstSuccess {
                return false
            }
            if bit == 0 {
                control = output.count
                output.append(0)
                bit = 1
            }
            if let copy = longestCopy(in: input, at: position) {
                hasCopy = true
                output[control] |= bit
                let high = UInt8(truncatingIfNeeded: copy.distance >> 4) & 0xF0
                let extra = copy.length - 18
                output.append(high | UInt8(extra >= 0 ? 15 : copy.length - PGLZ.leastCopy))
                output.append(UInt8(truncatingIfNeeded: copy.distance))
                if extra >= 0 { output.append(UInt8(extra)) }
                for place in position..<position &+ copy.length { remember(place, in: input) }
                position &+= copy.length
            } else {
                output.append(input.octet(position))
                remember(position, in: input)
                position &+= 1
            }
            bit <<= 1
        }
        return output.count < limit
    }

    private func longestCopy(in input: RawSpan, at position: Int) -> (distance: Int, length: Int)? {
        let most = min(PGLZ.longestCopy, input.byteCount &- position)
        guard most >= PGLZ.leastCopy else { return nil }
        var best = (distance: 0, length: PGLZ.leastCopy - 1)
        var next = Int(heads[Self.hash(input, position)])
        var tries = Self.tries
        while next > 0, tries > 0 {
            let place = next &- 1
            let distance = position &- place
            if distance > PGLZ.farthestCopy { break }
            var length = 0
            while length < most, input.octet(place &+ length) == input.octet(position &+ length) {
                length &+= 1
            }
            if length > best.length {
                best = (distance, length)
                if length >= Self.goodLength { break }
            }
            next = Int(links[place & (Self.window &- 1)])
            // A link of an older window leads forward.
            if next > place { break }
            tries &-= 1
        }
        return best.length >= PGLZ.leastCopy ? best : nil
    }

    private func remember(_ place: Int, in input: RawSpan) {
        guard place &+ PGLZ.leastCopy <= input.byteCount else { return }
        let hash = Self.hash(input, place)
        links[place & (Self.window &- 1)] = heads[hash]
        heads[hash] = Int32(truncatingIfNeeded: place &+ 1)
    }

    private static func hash(_ input: RawSpan, _ place: Int) -> Int {
        let key =
            UInt32(input.octet(place)) | UInt32(input.octet(place &+ 1)) << 8
            | UInt32(input.octet(place &+ 2)) << 16
        return Int((key &* 0x9E37_79B1) >> UInt32(32 - hashBits))
    }
}

extension RawSpan {
    /// The byte at `offset`, which the span checks.
    @inline(__always)
    fileprivate func octet(_ offset: Int) -> UInt8 {
        unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }
}
