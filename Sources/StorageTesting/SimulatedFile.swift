/// One file of a ``SimulatedDisk``: what reads find, and what a power cut would leave.
struct SimulatedFile: Sendable {
    /// The path under which it was made, for traces.
    let name: String
    /// The contents of the kernel's cache, which reads find.
    var bytes: [UInt8] = []
    /// The contents that are certainly on the medium.
    var durable: [UInt8] = []
    /// The changes since the last sync, in order. Any of them may have reached the medium.
    var volatile: [Change] = []

    enum Change: Sendable {
        case write(offset: Int, [UInt8])
        case length(Int)
    }

    init(name: String) { self.name = name }

    mutating func record(_ change: Change) {
        Self.apply(change, to: &bytes)
        volatile.append(change)
    }

    /// A successful sync: all changes are on the medium.
    mutating func settle() {
        for change in volatile { Self.apply(change, to: &durable) }
        volatile = []
    }

    /// A failed sync, as on Linux: what did not reach the medium never will, and yet the cache
    /// holds it and the next sync succeeds.
    ///
    /// - Returns: how many changes were given up in whole or in part.
    mutating func abandon(_ random: inout SplitMix64, tearBytes: Int) -> Int {
        var count = 0
        for change in volatile {
            if Self.applyPart(of: change, to: &durable, &random, tearBytes) != .kept { count += 1 }
        }
        volatile = []
        return count
    }

    /// Makes the cache drop what it believes to be clean: reads find the medium from now on.
    mutating func dropCleanCache() {
        bytes = durable
        for change in volatile { Self.apply(change, to: &bytes) }
    }

    /// Flips a bit on the medium, and in the cache unless that has been written to since.
    mutating func flip(_ bit: Int) {
        let mask = UInt8(1) << UInt8(bit % 8)
        let wasSame =
            bit / 8 < bytes.count && bit / 8 < durable.count
            && bytes[bit / 8] == durable[bit / 8]
        if bit / 8 < durable.count { durable[bit / 8] ^= mask }
        if wasSame || bit / 8 >= durable.count, bit / 8 < bytes.count { bytes[bit / 8] ^= mask }
    }

    static func apply(_ change: Change, to bytes: inout [UInt8]) {
        switch change {
        case .write(let offset, let new):
            write(new[...], at: offset, to: &bytes)
        case .length(let length):
            if length < bytes.count {
                bytes.removeLast(bytes.count - length)
            } else {
                appendZeroes(length - bytes.count, to: &bytes)
            }
        }
    }

    // Not element by element, which is slow in unoptimised builds.

    private static func appendZeroes(_ count: Int, to bytes: inout [UInt8]) {
        bytes += unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            unsafe UnsafeMutableRawBufferPointer(buffer).initializeMemory(
                as: UInt8.self, repeating: 0)
            initialized = count
        }
    }

    private static func write(_ new: ArraySlice<UInt8>, at offset: Int, to bytes: inout [UInt8]) {
        let end = offset + new.count
        if bytes.count < end {
            appendZeroes(end - bytes.count, to: &bytes)
        }
        unsafe bytes.withUnsafeMutableBytes { target in
            unsafe new.withUnsafeBytes { source in
                guard let from = source.baseAddress, let to = target.baseAddress
                else { return }
                unsafe (to + offset).copyMemory(from: from, byteCount: source.count)
            }
        }
    }

    /// The fate of a change.
    enum Fate: Sendable {
        case kept
        case dropped
        case torn
    }

    /// Applies a change entirely, not at all, or to some of its sectors.
    static func applyPart(
        of change: Change, to bytes: inout [UInt8], _ random: inout SplitMix64, _ tearBytes: Int
    ) -> Fate {
        switch random.below(3) {
        case 0: return .dropped
        case 1:
            apply(change, to: &bytes)
            return .kept
        default:
            guard case .write(let offset, let new) = change else { return .dropped }
            var start = 0
            while start < new.count {
                let next = (offset + start) / tearBytes * tearBytes + tearBytes - offset
                let end = min(new.count, next)
                if random.below(2) == 0 {
                    write(new[start..<end], at: offset + start, to: &bytes)
                }
                start = end
            }
            return .torn
        }
    }
}
