import CPlatform
import StorageTesting

/// Damage with valid checksums, as by a bug or with intent.
extension Mutator {
    /// Writes an odd value somewhere into a range.
    mutating func forgeField(_ bytes: inout [UInt8], _ range: Range<Int>) -> String {
        let width = min(one(of: [1, 2, 4, 4, 8]), range.count)
        let place = range.lowerBound + random.below(range.count - width + 1)
        return forgeField(&bytes, at: place, width: width)
    }

    mutating func forgeField(_ bytes: inout [UInt8], at place: Int, width: Int) -> String {
        var old: UInt64 = 0
        for index in 0..<width { old |= UInt64(bytes[place + index]) << UInt64(8 * index) }
        let new: UInt64
        switch random.below(8) {
        case 0: new = 0
        case 1: new = .max
        case 2: new = .max >> 1
        case 3: new = old &+ 1
        case 4: new = old &- 1
        case 5: new = 1 << UInt64(random.below(8 * width))
        case 6: new = old ^ (1 << UInt64(random.below(8 * width)))
        default: new = random.next()
        }
        for index in 0..<width {
            bytes[place + index] = UInt8(truncatingIfNeeded: new >> UInt64(8 * index))
        }
        return "\(width) bytes at \(place): \(old) → \(new)"
    }

    static func get(_ bytes: [UInt8], _ place: Int, _ width: Int) -> Int {
        (0..<width).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
    }

    static func set(_ bytes: inout [UInt8], _ place: Int, _ value: UInt32, width: Int = 4) {
        for index in 0..<width {
            bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index))
        }
    }

    /// The CRC-32C of a range.
    static func checksum(_ bytes: [UInt8], _ range: Range<Int>, after: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes {
            strata_crc32c(after, $0.baseAddress! + range.lowerBound, range.count)
        }
    }

    mutating func forgePage(_ kind: MutationKind) {
        guard let path = file(where: isPages), var bytes = mutation.image.file(path)?.bytes,
            bytes.count >= 8192
        else { return bits() }
        let page = random.below(bytes.count / 8192)
        let start = page * 8192
        let pointers = max(0, (Self.get(bytes, start + 12, 2) - 24) / 4)
        var what = ""
        if kind == .pageHeader || pointers == 0 {
            what = forgeField(&bytes, start..<start + 24)
        } else {
            let pointer = start + 24 + 4 * random.below(min(pointers, 2000))
            let word = Self.get(bytes, pointer, 4)
            let (offset, length) = (word & 0x7fff, word >> 17)
            if kind == .linePointer || offset + length > 8192 || length < 24 {
                what = forgePointer(&bytes, pointer, word)
            } else {
                let reach = random.below(3) == 0 ? length : min(length, 28)
                what = forgeField(&bytes, start + offset..<start + offset + reach)
            }
        }
        let block = blockNumber(path, page: page)
        let sum = bytes.withUnsafeBytes { strata_checksum_page($0.baseAddress! + start, block) }
        Self.set(&bytes, start + 8, UInt32(sum), width: 2)
        replace(path, bytes, "block \(block), \(what)")
    }

    private mutating func forgePointer(_ bytes: inout [UInt8], _ place: Int, _ word: Int) -> String
    {
        var (offset, flags, length) = (word & 0x7fff, word >> 15 & 3, word >> 17)
        switch random.below(4) {
        case 0: offset = one(of: [0, 1, 24, 8191, 8192, 0x7fff, offset + 8, random.below(0x8000)])
        case 1: flags = random.below(4)
        case 2: length = one(of: [0, 1, 22, 23, 8191, 0x7fff, length + 8, random.below(0x8000)])
        default: return forgeField(&bytes, at: place, width: 4)
        }
        offset &= 0x7fff
        length &= 0x7fff
        Self.set(&bytes, place, UInt32(offset | flags << 15 | length << 17))
        return "a line pointer at \(place): \(word) → \(offset), \(flags), \(length)"
    }

    private mutating func replace(_ path: String, _ bytes: [UInt8], _ what: String) {
        mutation.image.edit(path) { $0 = bytes }
        mutation.isForged = true
        note(path, "forged, " + what)
    }

    /// Changes a file in Strata's own frame.
    mutating func forgeFrame(_ path: String) {
        guard var bytes = mutation.image.file(path)?.bytes, bytes.count > 28 else { return bits() }
        var what = ""
        for _ in 0..<(1 + random.below(2)) {
            what += forgeField(&bytes, 24..<bytes.count - 4) + " "
        }
        if random.below(6) == 0 {
            let count = random.below(bytes.count - 28)
            bytes.removeSubrange(24 + count..<bytes.count - 4)
            what += "payload cut to \(count) "
        } else if random.below(6) == 0 {
            bytes.insert(contentsOf: bytes[24..<min(bytes.count - 4, 400)], at: bytes.count - 4)
            what += "payload longer "
        }
        Self.sealFrame(&bytes)
        replace(path, bytes, what)
    }

    static func sealFrame(_ bytes: inout [UInt8]) {
        let payload = bytes.count - 28
        set(&bytes, 12, UInt32(payload))
        set(&bytes, 16, 0)
        set(&bytes, 20, checksum(bytes, 0..<20))
        set(&bytes, bytes.count - 4, checksum(bytes, 24..<bytes.count - 4))
    }

    mutating func forgeMap() {
        guard let path = file(where: { $0.hasSuffix(".map") }),
            var bytes = mutation.image.file(path)?.bytes
        else { return bits() }
        // Where each record begins, and how long a copy of it is.
        var records: [(start: Int, size: Int)] = []
        var place = 0
        while place + 64 <= bytes.count, Self.get(bytes, place, 4) == 0x314D_5A53 {
            let size = (64 + Self.get(bytes, place + 52, 4) * 24 + 63) / 64 * 64
            if place + 2 * size > bytes.count { break }
            records.append((place, size))
            place += 2 * size
        }
        guard !records.isEmpty else { return bits() }
        let record = one(of: records)
        let seed = random
        var what = ""
        let copies = one(of: [[0, 1], [0, 1], [0, 1], [0], [1]])
        for copy in copies {
            random = seed
            let start = record.start + copy * record.size
            what =
                random.below(2) == 0
                ? forgeField(&bytes, start + 16..<start + 56)
                : forgeField(&bytes, start + min(64, record.size - 1)..<start + record.size)
            Self.set(&bytes, start + 56, Self.checksum(bytes, start + 64..<start + record.size))
            Self.set(&bytes, start + 60, Self.checksum(bytes, start..<start + 60))
        }
        replace(path, bytes, "copies \(copies) of a record of \(record.size), \(what)")
    }

    mutating func forgeChunk() {
        guard let path = file(where: { $0.hasSuffix(".chunks") }),
            var bytes = mutation.image.file(path)?.bytes
        else { return bits() }
        let starts = stride(from: 4096, to: bytes.count - 4095, by: 4096).filter {
            Self.get(bytes, $0, 4) == 0x3143_5A53
        }
        guard !starts.isEmpty else { return bits() }
        let start = one(of: starts)
        let units = (64 + Self.get(bytes, start + 20, 4) + 4095) / 4096
        let end = min(bytes.count, start + units * 4096)
        var what = ""
        if random.below(2) == 0 {
            what = forgeField(&bytes, start + 4..<start + 60)
        } else {
            for _ in 0..<(1 + random.below(3)) {
                what += forgeField(&bytes, start + 64..<end) + " "
            }
            Self.set(&bytes, start + 28, Self.checksum(bytes, start + 64..<end))
        }
        Self.set(&bytes, start + 60, Self.checksum(bytes, start..<start + 60))
        replace(path, bytes, "the chunk at \(start), \(what)")
    }

    mutating func forgeDataHeader() {
        guard let path = file(where: { $0.hasSuffix(".chunks") }),
            var bytes = mutation.image.file(path)?.bytes, bytes.count >= 4096
        else { return bits() }
        var what = ""
        if random.below(2) == 0 {
            what = forgeField(&bytes, 8..<32)
            let sum = Self.checksum(bytes, 64..<512, after: Self.checksum(bytes, 0..<60))
            Self.set(&bytes, 60, sum)
        } else {
            // What a truncation would have left.
            let start = one(of: [1024, 2048])
            for place in start..<start + 512 { bytes[place] = 0 }
            Self.set(&bytes, start, 0x3154_5A53)
            Self.set(&bytes, start + 4, UInt32(random.below(25)))
            Self.set(&bytes, start + 8, UInt32(1 + random.below(100)))
            Self.set(&bytes, start + 16, UInt32(random.below(300)))
            for _ in 0..<4 { what += forgeField(&bytes, start + 4..<start + 120) + " " }
            Self.set(&bytes, start + 508, Self.checksum(bytes, start..<start + 508))
        }
        replace(path, bytes, "the first unit, \(what)")
    }

    mutating func forgeJournal() {
        guard let path = file(where: { $0.hasPrefix("strata.journal") }),
            var bytes = mutation.image.file(path)?.bytes, bytes.count > 4096
        else { return inventJournal() }
        let batches = stride(from: 4096, to: bytes.count - 4095, by: 4096).filter {
            Array(bytes[$0..<$0 + 8]) == Array("STRATAJB".utf8)
        }
        guard random.below(4) > 0, !batches.isEmpty else {
            let seed = random
            var what = ""
            for start in [0, 2048] {
                random = seed
                what = forgeField(&bytes, start + 24..<start + 40)
                Self.set(&bytes, start + 40, Self.checksum(bytes, start + 24..<start + 40))
            }
            return replace(path, bytes, "both headers, \(what)")
        }
        let start = one(of: batches)
        let count = Self.get(bytes, start + 44, 4)
        let entries = start + 64..<start + 64 + 24 * count
        guard entries.upperBound <= bytes.count else { return bits() }
        var what = ""
        switch random.below(3) {
        case 0: what = forgeField(&bytes, start + 8..<start + 56)
        case 1: what = forgeField(&bytes, entries)
        default:
            let pages = start + (64 + 24 * count + 4095) / 4096 * 4096
            let index = random.below(count)
            let page = pages + 8192 * index
            guard page + 8192 <= bytes.count else { return bits() }
            what = "page \(index), " + forgeField(&bytes, page..<page + 8192)
            Self.set(
                &bytes, entries.lowerBound + 24 * index + 16,
                Self.checksum(bytes, page..<page + 8192))
        }
        Self.set(&bytes, start + 56, Self.checksum(bytes, entries))
        Self.set(&bytes, start + 60, Self.checksum(bytes, start..<start + 60))
        replace(path, bytes, "the batch at \(start), \(what)")
    }

    /// Puts a journal into a store that was closed.
    private mutating func inventJournal() {
        guard let other = others.first(where: { $0.isKilled }) else { return bits() }
        let journals = other.image.files.filter { $0.hasPrefix("strata.journal") }
        guard !journals.isEmpty else { return bits() }
        for path in journals {
            mutation.image.entries[path] = other.image.entries[path]
            note(path, "that of the same store, killed later")
        }
        mutation.isForged = true
    }
}
