internal import RelationLoader
internal import Strata

/// Rows in the compressing storage manager, compared with the same rows in plain files.
enum CompressBench {
    /// A device that limits reading: 250 MB/s, with up to 64 IOs at a time.
    private static let device = DeviceModel(
        latencyNanoseconds: 100_000, parallelism: 64, bytesPerSecond: 250_000_000)

    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        let file = try LoadFile(.narrow, plan)
        defer { file.remove() }
        let store = CompressStore(plan: plan, method: method)
        var rows = try measureLoads(file, store)
        let rowCount = UInt64(file.rowCount)
        rows += try measureScans(store, rowCount, device: nil)
        rows += try measureScans(store, rowCount, device: device)
        rows += try measureRewrites(store, rowCount)
        return rows
    }

    private static func measureLoads(
        _ file: borrowing LoadFile, _ store: CompressStore
    ) throws(BenchFailure) -> [BenchRow] {
        try store.with { (engine, _) throws(BenchFailure) in
            let name = engine.ioMethodName
            var load = BenchRow("compress/load", method: name, unit: "MB/s", bar: .atLeast(0.6))
            var size = BenchRow("compress/size", method: name, unit: "times", bar: nil)
            let megabytes = Double(file.byteCount) / 1e6
            for _ in 0..<store.plan.rounds {
                let plain = try store.load(file, CompressStore.plain, engine)
                let small = try store.load(file, CompressStore.small, engine)
                load.add(
                    value: megabytes / small.time.elapsed, ceiling: megabytes / plain.time.elapsed,
                    processorMicroseconds: small.time.processor * 1e6 / Double(small.pages))
                let space = try BenchFailure.wrap { () throws(StorageError) in
                    try engine.space(ofRelation: CompressStore.small)
                }
                size.add(value: space.ratio, ceiling: 1, processorMicroseconds: 0)
            }
            return [load, size]
        }
    }

    /// Scans both relations: from the kernel's cache against zstd alone on two threads (one
    /// for sync), from a slow device against plain files on that device.
    private static func measureScans(
        _ store: CompressStore, _ rowCount: UInt64, device: DeviceModel?
    ) throws(BenchFailure) -> [BenchRow] {
        try store.with(device: device) { (engine, session) throws(BenchFailure) in
            let name = engine.ioMethodName
            let isSpread = name != "sync"
            var row = BenchRow(
                device == nil ? "compress/warm" : "compress/cold", method: name, unit: "GB/s",
                bar: device != nil ? .atLeast(2.5) : isSpread ? .atLeast(0.7) : nil)
            let frames =
                device == nil ? try CompressedFrames(store.path(CompressStore.small, engine)) : nil
            // Two passes touch all of the pool's memory, and make the kernel cache the file.
            for _ in 0..<2 where device == nil {
                _ = try store.scan(CompressStore.small, rowCount, engine, session)
            }
            for _ in 0..<store.plan.rounds {
                let small = try store.scan(CompressStore.small, rowCount, engine, session)
                let bytes = Double(small.pages * blockSize) / 1e9
                let ceiling: BenchTime
                if let frames {
                    ceiling = try frames.time(threads: isSpread ? 2 : 1)
                } else {
                    ceiling = try store.scan(CompressStore.plain, rowCount, engine, session).time
                }
                row.add(
                    value: bytes / small.time.elapsed, ceiling: bytes / ceiling.elapsed,
                    processorMicroseconds: small.time.processor * 1e6 / Double(small.pages))
            }
            return [row]
        }
    }

    /// Rewrites pages in random order: the greatest length of the file, and that after compaction.
    private static func measureRewrites(_ store: CompressStore, _ rowCount: UInt64)
        throws(BenchFailure) -> [BenchRow]
    {
        try store.with(poolShare: 8) { (engine, session) throws(BenchFailure) in
            let name = engine.ioMethodName
            let most = BenchRow("compress/growth", method: name, unit: "of live", bar: .atMost(1))
            let after = BenchRow(
                "compress/compacted", method: name, unit: "of live", bar: .atMost(1))
            var rows = [most, after]
            for round in 0..<store.plan.rounds {
                let soak = try store.rewrite(
                    CompressStore.small, round, nil, engine, session)
                rows[0].add(
                    value: soak.greatest, ceiling: 1.6,
                    processorMicroseconds: soak.time.processor * 1e6 / Double(soak.rewrites))
                rows[1].add(value: soak.compacted, ceiling: 1.3, processorMicroseconds: 0)
            }
            _ = try store.scan(CompressStore.small, rowCount, engine, session)
            return rows
        }
    }
}
