internal import Logging
internal import RelationLoader
internal import Strata

/// Loading rows from a CSV file into a new relation until they are durable.
enum LoadBench {
    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        var rows: [BenchRow] = []
        for shape in LoadShape.allCases {
            let file = try LoadFile(shape, plan)
            defer { file.remove() }
            rows += try measure(file, plan, method)
        }
        return rows
    }

    private static func measure(
        _ file: borrowing LoadFile, _ plan: BenchPlan, _ method: IOMethodChoice
    ) throws(BenchFailure) -> [BenchRow] {
        var options = EngineOptions()
        options.ioMethod = method
        options.logger = plan.data.logger
        let engine = try BenchFailure.wrap { () throws(StorageError) in
            try Engine.open(plan.directory + "/load-store", options: options)
        }
        do throws(BenchFailure) {
            let rows = try measure(file, plan, engine)
            try BenchFailure.wrap { () throws(StorageError) in try engine.close() }
            return rows
        } catch {
            try? engine.close()
            throw error
        }
    }

    private static func measure(
        _ file: borrowing LoadFile, _ plan: BenchPlan, _ engine: Engine
    ) throws(BenchFailure) -> [BenchRow] {
        let title = "load/\(file.shape.rawValue)"
        let server = try plan.postgres.map { (connection) throws(BenchFailure) in
            try PostgresCopy(connection, file.shape, plan.directory)
        }
        defer { server?.removeTable() }
        var rows = [BenchRow(title, method: engine.ioMethodName, unit: "MB/s", bar: nil)]
        if server != nil {
            rows.append(
                BenchRow(
                    title + "/postgres", method: engine.ioMethodName, unit: "MB/s",
                    bar: .atLeast(3)))
        }
        let megabytes = Double(file.byteCount) / 1e6
        for _ in 0..<plan.rounds {
            try plan.checkCancellation()
            let copying = try server?.time(file.path)
            var pageCount = 0
            let loading = try BenchClock.measure { () throws(BenchFailure) in
                pageCount = try load(file, plan, engine)
            }
            try check(file, engine)
            let plain = try file.timePlain(pageCount: pageCount)
            let processor = loading.processor * 1e6 / Double(pageCount)
            rows[0].add(
                value: megabytes / loading.elapsed, ceiling: megabytes / plain.elapsed,
                processorMicroseconds: processor)
            if let copying {
                rows[1].add(
                    value: megabytes / loading.elapsed, ceiling: megabytes / copying.elapsed,
                    processorMicroseconds: processor)
            }
        }
        return rows
    }

    /// - Returns: the number of pages in the relation.
    private static func load(
        _ file: borrowing LoadFile, _ plan: BenchPlan, _ engine: Engine
    ) throws(BenchFailure) -> Int {
        var options = LoadOptions()
        options.mode = .replace
        options.schema = file.schema
        options.csv.hasHeader = false
        options.cancellation = plan.cancellation
        do throws(LoaderError) {
            let source: FileSource
            do throws(LoadError) {
                source = try FileSource(path: file.path)
            } catch { throw .text(error) }
            let summary = try RelationLoader.load(
                source, into: LoadShape.relation, of: engine, options: options)
            return summary.pageCount
        } catch {
            switch error {
            case .cancelled: throw .cancelled
            case .storage(let failure): throw .storage(failure)
            case .text(let failure):
                throw .storage(
                    StorageError(StorageError.Code(rawValue: "wrongResult"), "\(failure)"))
            }
        }
    }

    /// Checks that every row is there: the numbers in the first column add up.
    private static func check(_ file: borrowing LoadFile, _ engine: Engine) throws(BenchFailure) {
        var (sum, count): (UInt64, UInt64) = (0, 0)
        let layout = file.schema.layout
        try BenchFailure.wrap { () throws(StorageError) in
            let session = try engine.makeSession()
            defer { session.close() }
            var decoder = HeapTupleDecoder(layout: layout)
            var stream = try engine.relation(named: LoadShape.relation).scan(session: session)
            while let page = try stream.next() {
                page.withView { view in
                    for number in view.linePointerNumbers {
                        guard let tuple = try? view.tuple(number),
                            (try? decoder.decode(tuple)) != nil,
                            let id = try? decoder.integer(0, of: tuple, as: Int32.self)
                        else { continue }
                        sum &+= UInt64(id.magnitude)
                        count += 1
                    }
                }
            }
        }
        let expected = UInt64(file.rowCount)
        guard count == expected, sum == expected * (expected - 1) / 2 else {
            throw .wrongSum("load")
        }
    }
}
