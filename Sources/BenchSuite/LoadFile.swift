internal import Strata
internal import Threads

/// The shape of rows.
enum LoadShape: String, CaseIterable {
    /// Eight columns, about sixty bytes.
    case narrow
    /// Eight columns, about a kilobyte, nearly all of it text.
    case wide

    /// The name of the relation, and of the table.
    static let relation = "strata_bench_load"

    /// The columns, as Strata and PostgreSQL read them.
    var columns: String {
        switch self {
        case .narrow:
            "id integer, a integer, b double precision, c integer, d text, e integer, f date,"
                + " g integer"
        case .wide: "id integer, a text, b text, c text, d text, e text, f text, g text"
        }
    }

    /// The columns as a schema.
    var schema: Schema {
        do throws(SchemaError) { return try Schema(parsing: columns) } catch {
            preconditionFailure("the columns of case load are well-formed")
        }
    }
}

/// A CSV file without a header. Its rows depend only on their numbers.
struct LoadFile: ~Copyable {
    let shape: LoadShape
    let path: String
    let schema: Schema
    private let copyPath: String
    private(set) var rowCount = 0
    private(set) var byteCount = 0

    /// Makes a file of about the size of the other cases' data.
    init(_ shape: LoadShape, _ plan: BenchPlan) throws(BenchFailure) {
        self.shape = shape
        path = "\(plan.directory)/\(shape.rawValue).csv"
        copyPath = "\(plan.directory)/\(shape.rawValue).copy"
        schema = shape.schema
        let output = try BenchOutput(path, creating: true)
        let size = plan.data.pageCount * blockSize
        var buffer: [UInt8] = []
        while byteCount < size {
            try plan.checkCancellation()
            buffer.removeAll(keepingCapacity: true)
            while buffer.count < 1 << 20, byteCount + buffer.count < size {
                append(UInt64(rowCount), to: &buffer)
                rowCount += 1
            }
            try unsafe buffer.span.bytes.withUnsafeBytes { (bytes) throws(BenchFailure) in
                guard let start = bytes.baseAddress else { return }
                try unsafe output.write(start, at: byteCount, count: bytes.count)
            }
            byteCount += buffer.count
        }
        // The measurement must not wait for writing these bytes to the disk.
        try output.sync()
    }

    private func append(_ row: UInt64, to buffer: inout [UInt8]) {
        // Any mixing will do, if it is the same in each run.
        let mixed = (row &+ 1) &* 0x9E37_79B9_7F4A_7C15
        let words: String
        switch shape {
        case .narrow:
            words =
                "\(row),\(mixed >> 44),0.\(mixed >> 40),\(row % 1000),word\(row % 97),"
                + "\(mixed >> 47),2024-0\(1 + row % 9)-1\(row % 9),\(row & 1)\n"
        case .wide:
            words = "\(row)"
        }
        buffer.append(contentsOf: words.utf8)
        guard shape == .wide else { return }
        for column in 0..<7 as Range<UInt64> {
            buffer.append(UInt8(ascii: ","))
            var state = mixed &+ column
            for _ in 0..<20 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                for shift in stride(from: 24, to: 60, by: 6) {
                    buffer.append(UInt8(ascii: "a") + UInt8((state >> UInt64(shift)) % 26))
                }
                buffer.append(UInt8(ascii: " "))
            }
        }
        buffer.append(UInt8(ascii: "\n"))
    }

    /// Moves the same bytes without parsing them: reads the file, and writes as many pages as the
    /// relation has until they are durable.
    func timePlain(pageCount: Int) throws(BenchFailure) -> BenchTime {
        defer { unsafe unlink(copyPath) }
        let input = try BenchFile(path)
        let output = try BenchOutput(copyPath, creating: true)
        let memory = try BenchMemory(byteCount: 1 << 20)
        return try BenchClock.measure { () throws(BenchFailure) in
            for offset in stride(from: 0, to: byteCount, by: 1 << 20) {
                let count = min(1 << 20, byteCount - offset)
                // The memory has room for what is read and written at a time.
                unsafe try input.read(into: memory.start, from: offset, count: count)
            }
            let total = pageCount * blockSize
            for offset in stride(from: 0, to: total, by: 1 << 20) {
                let count = min(1 << 20, total - offset)
                try unsafe output.write(memory.start, at: offset, count: count)
                output.startWriteback(at: offset, count: count)
            }
            try output.sync()
        }
    }

    func remove() { unsafe unlink(path) }
}
