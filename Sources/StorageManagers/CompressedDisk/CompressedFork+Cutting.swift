/// Making a fork shorter.
extension CompressedFork.State {
    /// Cuts the fork, which must be at least that long. What was cut off is free once that is
    /// durable.
    mutating func cut(to count: UInt32) {
        let pages = map.dimensions.properties.chunkPages
        let kept = ForkDimensions.chunkCount(of: count, pages)
        for (chunk, entry) in map.entries(from: kept) {
            // If it exists again by the next sync, the map file must record that it is not the old
            // one.
            unrecorded.chunks.insert(UInt32(chunk))
            space.replace(entry.extent)
        }
        map.setLength(count)
        // Whatever a later extension adds to the last chunk must be zeroes.
        let rest = UInt8(Int(count) % pages)
        if rest > 0, map[kept - 1].pages > rest {
            map[kept - 1].pages = rest
            unrecorded.chunks.insert(UInt32(kept - 1))
        }
        let cut = ForkCut(
            generation: map.dimensions.nextGeneration, chunks: UInt32(kept),
            lastPages: UInt32(rest))
        map.dimensions.nextGeneration += 1
        map.dimensions.cut = cut
        cuts.add(cut)
        unrecorded.hasDimensions = true
    }

    /// Whether a chunk, stored or being written, has pages behind the fork's end.
    var reachesBehindEnd: Bool {
        let pages = map.dimensions.properties.chunkPages
        let rest = Int(map.dimensions.blockCount) % pages
        if rest == 0 { return false }
        let last = UInt32(map.dimensions.chunkCount - 1)
        return map[Int(last)].pages > rest
            || inFlight.forms(of: last).contains { countingPages(last, $0.part.entry) > rest }
    }

    /// Whether a generation is left for a chunk or a cut.
    var canNumber: Bool { map.dimensions.nextGeneration < ChunkHeader.lastGeneration }

    /// Whether a map that was rebuilt from chunks can be written once the fork was cut. Lost chunks
    /// cannot be recorded in it.
    func canCut(to count: UInt32) -> Bool {
        guard map.absent.isLost else { return true }
        var cut = map
        cut.setLength(count)
        return cut.lostCount == 0
    }
}
