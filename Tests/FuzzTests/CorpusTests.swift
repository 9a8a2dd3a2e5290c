import Foundation
import StorageTesting
import Testing

/// Runs the inputs kept from fuzzing again, and some variations of them that the seed draws.
@Suite("Inputs from fuzzing")
struct CorpusTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures/fuzz")

    /// The corpus of a target, in the order of names.
    static func corpus(_ target: FuzzTarget) throws -> [(name: String, input: [UInt8])] {
        let folder = folder.appending(path: target.name)
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map {
            ($0, Array(try Data(contentsOf: folder.appending(path: $0))))
        }
    }

    @Test("do no harm", arguments: FuzzTarget.all)
    func corpus(_ target: FuzzTarget) throws {
        let corpus = try Self.corpus(target)
        #expect(!corpus.isEmpty)
        for (name, input) in corpus {
            let fault = target.run(input)
            #expect(fault == nil, "\(target) \(name)")
        }
    }

    @Test("do no harm when changed", arguments: FuzzTarget.all)
    func changed(_ target: FuzzTarget) throws {
        let corpus = try Self.corpus(target).map(\.input)
        var random = SplitMix64(seed: IOMethodMatrix.seed)
        // A trap ends the process, leaving only what was printed.
        print("\(target): STRATA_SEED=\(IOMethodMatrix.seed)")
        for round in 0..<400 {
            var input = corpus[random.below(corpus.count)]
            for _ in 0...random.below(4) {
                Mutation.allCases[random.below(Mutation.allCases.count)].apply(
                    to: &input, corpus, &random)
            }
            let fault = target.run(input)
            #expect(fault == nil, "\(target), seed \(IOMethodMatrix.seed), round \(round)")
        }
    }
}

/// A way to change an input slightly.
enum Mutation: CaseIterable {
    case bit, byte, number, cut, doubled, other

    private static let numbers: [UInt64] = [
        0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
        0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, .max,
    ]

    func apply(to input: inout [UInt8], _ corpus: [[UInt8]], _ random: inout SplitMix64) {
        if input.isEmpty { input = [0] }
        let place = random.below(input.count)
        switch self {
        case .bit: input[place] ^= 1 << UInt8(random.below(8))
        case .byte: input[place] = UInt8(random.below(256))
        case .number:
            let number = Self.numbers[random.below(Self.numbers.count)]
            for index in 0..<(1 << random.below(4)) where place + index < input.count {
                input[place + index] = UInt8(truncatingIfNeeded: number >> UInt64(8 * index))
            }
        case .cut:
            input.removeSubrange(place..<min(input.count, place + 1 + random.below(64)))
        case .doubled:
            let part = input[place..<min(input.count, place + 1 + random.below(64))]
            input.insert(contentsOf: Array(part), at: random.below(input.count))
        case .other:
            input.removeSubrange(place...)
            input += corpus[random.below(corpus.count)].dropFirst(place)
        }
    }
}
