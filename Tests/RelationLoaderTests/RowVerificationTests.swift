import PageFormat
import RelationLoader
import StorageTesting
import Strata
import Testing

/// Verifying finds everything that a scan finds on pages with valid checksums.
@Suite struct RowVerificationTests {
    private static let schema =
        "a boolean not null, b smallint, c integer, d bigint, e real, f double precision, g date,"
        + " h timestamp, i uuid, j text, k bytea, l numeric, m time, n jsonb"
    private static let text: String = {
        var text = "a,b,c,d,e,f,g,h,i,j,k,l,m,n\n"
        for row in 0..<400 {
            let name = row % 7 == 0 ? "" : "grün \(String(repeating: "n", count: row % 90))"
            text +=
                "\(row % 2 == 0),\(row),\(row * 7),\(row * 1_000_003),1.5,2.25,2024-02-29,"
                + "2024-02-29 12:00:00.5,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,\(name),\\x0102,"
                + "\(row)\(row).25,12:00:00.5,\"{\"\"a\"\": [\(row), \"\"b\"\"]}\"\n"
        }
        return text
    }()

    private let directory = TemporaryDirectory()

    /// A store with relation `t`, the contents of its first page, and a way to replace that page.
    private final class Bench {
        let engine: Engine
        let session: Session
        let relation: Relation
        let page: [UInt8]
        private let memory: UnsafeMutableRawPointer

        init(_ path: String, _ method: TestedMethod, _ manager: String) throws {
            var options = EngineOptions()
            options.ioMethod = method.choice
            options.poolBytes = 64 * 8192
            options.maximumSessions = 4
            engine = try Engine.open(path, options: options)
            var load = LoadOptions()
            load.schema = try Schema(parsing: RowVerificationTests.schema)
            load.managerName = manager
            _ = try RelationLoader.load(
                MemorySource(RowVerificationTests.text), into: "t", of: engine, options: load)
            session = try engine.makeSession()
            relation = try engine.relation(named: "t")
            page = try relation.page(BlockNumber(0), session: session).withSharedLock { bytes in
                (0..<8192).map { unsafe bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
            }
            unsafe memory = .allocate(byteCount: 8192, alignment: 4096)
        }

        deinit {
            unsafe memory.deallocate()
            session.close()
            try? engine.close()
        }

        /// Puts a page with a valid checksum into the storage, bypassing the engine.
        func plant(_ bytes: [UInt8]) throws {
            _ = try engine.buffers.evict(relation.open, session: session)
            for (offset, byte) in bytes.enumerated() {
                unsafe memory.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
            }
            var editor = unsafe PageEditor(unsafePage: memory)
            editor.setChecksum(block: 0)
            let pages: InlineArray<1, PageAddress> = [unsafe PageAddress(memory)]
            try relation.open.storage.write(
                .main, block: BlockNumber(0), from: pages.span, sync: .skip)
        }

        var findings: [VerificationFinding] {
            get throws {
                var findings: [VerificationFinding] = []
                _ = try engine.verify(
                    ["t"], session: session, observer: VerificationObserver { findings.append($0) })
                return findings
            }
        }

        func scan(to path: String) -> LoaderError? {
            do throws(LoaderError) {
                let output = try LoaderError.output(path)
                _ = try RelationLoader.scan(relation, to: output)
                return nil
            } catch {
                return error
            }
        }
    }

    private static let kinds = Engine.builtInManagerNames.flatMap { manager in
        IOMethodMatrix.real.map { (manager, $0) }
    }

    @Test(arguments: kinds)
    func whatAScanFinds(_ manager: String, _ method: TestedMethod) throws {
        let bench = try Bench("\(directory.path)/store", method, manager)
        #expect(try bench.findings.isEmpty)
        var random = SplitMix64(seed: IOMethodMatrix.seed)
        var found = 0
        for _ in 0..<300 {
            var bytes = bench.page
            for _ in 0...random.below(3) {
                // Changes line pointers as often as tuples, but not the header.
                let offset = 24 + (random.below(2) == 0 ? random.below(300) : random.below(8168))
                bytes[offset] ^= UInt8(1 << random.below(8))
            }
            try bench.plant(bytes)
            guard let error = bench.scan(to: "\(directory.path)/out") else { continue }
            found += 1
            let findings = try bench.findings
            #expect(!findings.isEmpty, "seed \(IOMethodMatrix.seed): \(error)")
            #expect(findings.count < 3)
        }
        #expect(found > 30, "changes of line pointers show")
        try bench.plant(bench.page)
        #expect(bench.scan(to: "\(directory.path)/out") == nil)
        #expect(try bench.findings.isEmpty)
    }

    @Test func valuesThatAreNone() throws {
        func fault(_ type: ColumnType, _ bytes: [UInt8]) -> String? {
            type.fault(in: bytes.span.bytes)
        }
        func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
            withUnsafeBytes(of: value.littleEndian) { unsafe Array($0) }
        }
        #expect(fault(.boolean, [0]) == nil && fault(.boolean, [1]) == nil)
        #expect(fault(.boolean, [2]) != nil)
        for text in ["", "plain", "grün und lang genug für Worte", "😀"] {
            #expect(fault(.text, Array(text.utf8)) == nil)
        }
        #expect(fault(.text, Array("a\0".utf8))?.contains("byte 1") == true)
        #expect(fault(.text, Array("eight by\0eight by".utf8)) != nil)
        #expect(fault(.text, Array("grün".utf8) + [0xC3])?.contains("UTF-8") == true)
        #expect(fault(.text, [0xC0, 0x80]) != nil)
        #expect(fault(.numeric, []) != nil && fault(.numeric, [0]) != nil)
        #expect(fault(.numeric, bytes(UInt16(0xC000))) == nil)
        #expect(fault(.numeric, bytes(UInt16(0xC001))) != nil)
        #expect(fault(.numeric, bytes(UInt16(0x8000)) + bytes(UInt16(9999))) == nil)
        #expect(fault(.numeric, bytes(UInt16(0x8000)) + bytes(UInt16(10000))) != nil)
        #expect(fault(.numeric, bytes(UInt16(0x0000))) != nil)
        for day in [Int32.min, .max, -2_451_545, 2_145_031_948] {
            #expect(fault(.date, bytes(day)) == nil)
        }
        for day in [-2_451_546, 2_145_031_949, .max - 1] as [Int32] {
            #expect(fault(.date, bytes(day)) != nil)
        }
        for time in [Int64.min, .max, -211_813_488_000_000_000, 9_223_371_331_199_999_999] {
            #expect(fault(.timestamp, bytes(time)) == nil)
        }
        for time in [-211_813_488_000_000_001, 9_223_371_331_200_000_000, .min + 1] as [Int64] {
            #expect(fault(.timestamp, bytes(time)) != nil)
        }
    }

    /// The bounds are those of the texts that loads accept.
    @Test(arguments: [
        ("4714-11-24 BC", "4714-11-23 BC"), ("5874897-12-31", "5874898-01-01"),
    ])
    func ends(_ last: String, _ beyond: String) throws {
        let day = try DateText.parse(Array(last.utf8).span)
        #expect(ColumnType.date.fault(in: [day].span.bytes) == nil)
        #expect(throws: ValueError.self) { _ = try DateText.parse(Array(beyond.utf8).span) }
        let next = day < 0 ? day - 1 : day + 1
        #expect(ColumnType.date.fault(in: [next].span.bytes) != nil)
    }

    @Test func valuesOnPages() throws {
        let bench = try Bench(
            "\(directory.path)/store", TestedMethod(.synchronous), "magnetic")
        let pointer = LinePointer(
            rawValue: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bench.page[24 + $1]) << ($1 * 8) })
        // Change the first row's first column, which is no larger than true.
        var bytes = bench.page
        bytes[pointer.offset + Int(bytes[pointer.offset + 22])] = 7
        try bench.plant(bytes)
        let findings = try bench.findings
        #expect(findings.map(\.kind) == [.damagedRow])
        #expect(findings.first?.block == 0)
        #expect(
            findings.first?.reason
                == "tuple 1, column \"a\": the boolean is damaged: it is neither true (1) nor false"
                + " (0)")
    }
}

extension LoaderError {
    /// A file for rows.
    fileprivate static func output(_ path: String) throws(LoaderError) -> DescriptorOutput {
        do throws(LoadError) { return try DescriptorOutput(creating: path) } catch {
            throw .text(error)
        }
    }
}
