import StorageTesting

/// Accidental damage to contents.
extension Mutator {
    mutating func bits() {
        guard let path = file() else { return }
        let count = 1 + random.below(8)
        var random = random
        mutation.image.edit(path) { bytes in
            for _ in 0..<count { bytes[random.below(bytes.count)] ^= 1 << UInt8(random.below(8)) }
        }
        note(path, "\(count) bits turned")
    }

    /// A range of a file, which often begins and ends where pages, units or sectors do.
    private mutating func range(_ size: Int) -> Range<Int> {
        let grain = one(of: [1, 1, 64, 512, 4096, 8192, 8192])
        let start = random.below(max(1, size / grain)) * grain
        let length = grain * (1 + random.below(grain == 1 ? 200 : 3))
        return min(start, size)..<min(size, start + length)
    }

    mutating func noise() {
        guard let path = file(), let size = mutation.image.file(path)?.bytes.count else { return }
        let range = range(size)
        var random = random
        mutation.image.edit(path) { bytes in
            for place in range { bytes[place] = UInt8(truncatingIfNeeded: random.next()) }
        }
        note(path, "noise in \(range)")
    }

    mutating func zeroes() {
        let isPage = random.below(3) == 0
        guard let path = isPage ? file(where: isPages) : file(),
            let size = mutation.image.file(path)?.bytes.count
        else { return }
        var range = random.below(8) == 0 ? 0..<size : range(size)
        if isPage && size >= 8192 {
            let start = random.below(size / 8192) * 8192
            range = start..<start + 8192
        }
        mutation.image.edit(path) { bytes in
            for place in range { bytes[place] = 0 }
        }
        note(path, "zeroes in \(range)")
        // If the number of rows is unknown, the rows of a zeroed page are not missed.
        if base.owner(of: path)?.isTouched == true && isPages(path) { mutation.isForged = true }
    }

    mutating func truncation() {
        guard let path = file(), let size = mutation.image.file(path)?.bytes.count else { return }
        let length: Int
        switch random.below(5) {
        case 0: length = size - 1
        case 1: length = 0
        case 2: length = (size - 1) / 4096 * 4096
        case 3: length = random.below(size / 8192 + 1) * 8192
        default: length = random.below(size)
        }
        mutation.image.edit(path) { $0.removeSubrange(min(length, size)...) }
        note(path, "cut from \(size) to \(length) bytes")
    }

    mutating func longer() {
        guard let path = anyFile(), let file = mutation.image.file(path) else { return }
        let count = one(of: [1, 64, 512, 4096, 8192, 3 * 8192, 1 + random.below(20_000)])
        let choice = random.below(3)
        var random = random
        mutation.image.edit(path) { bytes in
            switch choice {
            case 0: bytes += [UInt8](repeating: 0, count: count)
            case 1: bytes += (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            default: bytes += bytes.prefix(count)
            }
        }
        note(path, "\(count) \(["zeroes", "bytes of noise", "bytes of itself"][choice]) added")
        _ = file
    }

    mutating func sparse() {
        guard let path = anyFile(), case .file(var file) = mutation.image.entries[path] else {
            return
        }
        let shift = 24 + random.below(20)
        file.hole = (Int64(1) << shift) / 4096 * 4096 - Int64(random.below(3) * 4096)
        if random.below(3) == 0 { file.tail = Array(file.bytes.suffix(8192)) }
        mutation.image.entries[path] = .file(file)
        note(path, "a hole of \(file.hole) bytes and \(file.tail.count) bytes behind it")
    }

    mutating func swappedBlocks() {
        guard let first = file() else { return }
        let second = random.below(2) == 0 ? first : file() ?? first
        let size = one(of: [8192, 8192, 4096, 64])
        guard let one = mutation.image.file(first)?.bytes, one.count >= size,
            let other = mutation.image.file(second)?.bytes, other.count >= size
        else { return bits() }
        let (from, to) = (
            random.below(one.count / size) * size, random.below(other.count / size) * size
        )
        let isCopy = random.below(2) == 0
        mutation.image.edit(second) {
            $0.replaceSubrange(to..<to + size, with: one[from..<from + size])
        }
        note(second, "\(size) bytes at \(to) are those of \(first) at \(from)")
        if !isCopy && first != second {
            mutation.image.edit(first) {
                $0.replaceSubrange(from..<from + size, with: other[to..<to + size])
            }
            note(first, "\(size) bytes at \(from) are those of \(second) at \(to)")
        }
        // A page's checksum covers its block number and not its relation.
        if first != second && isPages(first) && isPages(second)
            && blockNumber(first, page: from / 8192) == blockNumber(second, page: to / 8192)
        {
            mutation.isForged = true
        }
    }

    mutating func swappedFiles() {
        guard let first = anyFile(where: { $0 != "strata.lock" }),
            let second = anyFile(where: { $0 != first && $0 != "strata.lock" })
        else { return }
        let entries = (mutation.image.entries[first], mutation.image.entries[second])
        mutation.image.entries[first] = entries.1
        mutation.image.entries[second] = entries.0
        note(first, "swapped with \(second)")
        note(second, "swapped with \(first)")
        // Pages of the same block numbers have valid checksums in each other's files.
        if isPages(first) && isPages(second) { mutation.isForged = true }
    }

    mutating func restored() {
        let earlier = one(of: base.earlier.isEmpty ? [base.image] : base.earlier)
        mutation.isStale = true
        if random.below(2) == 0 {
            mutation.image.entries["strata.catalog"] = earlier.entries["strata.catalog"]
            note("strata.catalog", "an earlier one")
            let known = Set(earlier.files.map(Self.number))
            mutation.survivors = Set(
                base.image.files.filter {
                    $0.hasPrefix("base/1/") && !known.contains(Self.number($0))
                })
            return
        }
        let changed = earlier.files.filter {
            $0.hasPrefix("base/") && earlier.entries[$0] != mutation.image.entries[$0]
        }
        guard !changed.isEmpty else { return bits() }
        let path = one(of: changed)
        mutation.image.entries[path] = earlier.entries[path]
        note(path, "an earlier one")
        if random.below(2) == 0 {
            let twin =
                path.hasSuffix(".map")
                ? path.dropLast(4) + ".chunks" : path.dropLast(7) + ".map"
            if let entry = earlier.entries[String(twin)] {
                mutation.image.entries[String(twin)] = entry
                note(String(twin), "an earlier one")
            }
        }
    }

    /// The relation's number in a file's name.
    private static func number(_ path: String) -> Substring {
        (path.split(separator: "/").last ?? "").prefix { $0.isNumber }
    }

    mutating func otherStore() {
        guard !others.isEmpty else { return bits() }
        let other = one(of: others)
        let shared = other.image.files.filter { $0 != "strata.lock" }
        let path = one(of: shared)
        guard other.image.entries[path] != mutation.image.entries[path] else { return bits() }
        mutation.image.entries[path] = other.image.entries[path]
        note(path, "that of the store \(other.name)")
        if isPages(path) { mutation.isForged = true }
    }
}
