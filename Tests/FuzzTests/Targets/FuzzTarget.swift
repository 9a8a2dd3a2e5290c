/// A part of Strata that is fed untrusted bytes.
///
/// The test process or the sanitizer detects traps, hangs and invalid memory access. Other wrong
/// outcomes are returned. Any thread, one at a time.
public struct FuzzTarget: Sendable, CustomStringConvertible {
    /// Names the folder of its corpus.
    public let name: String
    /// Runs the input. Returns a description of a wrong outcome, or nil.
    public let run: @Sendable ([UInt8]) -> String?

    public var description: String { name }

    public static let all: [FuzzTarget] = [
        FuzzTarget(name: "pages", run: PageInput.run),
        FuzzTarget(name: "toast", run: ToastInput.run),
        FuzzTarget(name: "csv", run: CSVInput.run),
        FuzzTarget(name: "dialects", run: DialectInput.run),
        FuzzTarget(name: "values", run: ValueInput.run),
        FuzzTarget(name: "store", run: StoreInput.run),
        FuzzTarget(name: "journal", run: JournalInput.run),
        FuzzTarget(name: "chunks", run: ChunkInput.run),
        FuzzTarget(name: "compressed", run: CompressedInput.run),
        FuzzTarget(name: "postgres", run: PostgresValueInput.run),
    ]
}

/// Reads an input from its start; returns zeroes once it has ended.
struct InputReader {
    private var rest: ArraySlice<UInt8>

    init(_ input: [UInt8]) { rest = input[...] }

    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    mutating func word() -> Int { Int(byte()) | Int(byte()) << 8 }

    /// The next bytes, as many of them as there are.
    mutating func bytes(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    /// Everything that was not read yet.
    mutating func remainder() -> [UInt8] {
        defer { rest = [] }
        return Array(rest)
    }
}

extension [UInt8] {
    func little<Number: FixedWidthInteger>(_ offset: Int, as _: Number.Type) -> Number {
        (0..<Number.bitWidth / 8).reduce(0) { $0 | Number(self[offset + $1]) << Number(8 * $1) }
    }

    mutating func set<Number: FixedWidthInteger>(_ number: Number, _ offset: Int) {
        for index in 0..<Number.bitWidth / 8 {
            self[offset + index] = UInt8(truncatingIfNeeded: number >> Number(8 * index))
        }
    }
}
