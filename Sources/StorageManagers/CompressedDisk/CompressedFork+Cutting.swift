/// Making a fork shorter.
extension CompressedFork.State {
    /// Cuts the fork, which is at least that long. What was cut off is free once that is durable.
    mutating func cut(to count: UInt32) {
        let pages = map.dimensions.properties.chunkPages
        map.dimensions.blockCount = count
        let kept = map.dimensions.chunkCount
        for chunk in kept..<map.entries.count {
            let entry = map.entries[chunk]
            if entry.isEmpty { continue }
            // Should it exist again by the next sync, the map file has to learn that it is not the
            // old one.
            changed.insert(UInt32(chunk))
            freed.append(entry.extent)
            freedUnits += Int(entry.extent.count)
            usedUnits -= Int(entry.extent.count)
        }
        map.resize()
        // What a later extension adds to the last chunk is to be zeroes.
        let rest = UInt8(Int(count) % pages)
        if rest > 0, map.entries[kept - 1].pages > rest {
            map.entries[kept - 1].pages = rest
            changed.insert(UInt32(kept - 1))
        }
        let cut = ForkCut(
            generation: map.dimensions.nextGeneration, chunks: UInt32(kept),
            lastPages: UInt32(rest))
        map.dimensions.nextGeneration += 1
        map.dimensions.cut = cut
        cuts.add(cut)
        (hasChangedDimensions, hasNewCuts) = (true, true)
    }

    /// Whether a chunk, as it is or as it is being written, has pages behind the fork's end.
    var reachesBehindEnd: Bool {
        let pages = map.dimensions.properties.chunkPages
        let rest = Int(map.dimensions.blockCount) % pages
        if rest == 0 { return false }
        let last = UInt32(map.dimensions.chunkCount - 1)
        return map.entries[Int(last)].pages > rest
            || inFlight[last, default: []].contains { countingPages(last, $0.part.entry) > rest }
    }
}
