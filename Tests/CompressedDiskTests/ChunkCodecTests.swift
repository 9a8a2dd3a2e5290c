import CPlatform
import Foundation
import StorageManager
import StorageTesting
import Testing

@testable import CompressedDisk

/// Encoded pages decode to the same pages, and decoding arbitrary bytes breaks nothing.
@Suite("Chunks, encoded and decoded")
struct ChunkCodecTests {
    /// What kinds of pages a chunk is made of.
    enum Kind: CaseIterable {
        case zeroes, noise, alike, heap, heapAndNoise, oddHeap
    }

    @Test("Pages come back", arguments: Kind.allCases, [1, 2, 3, 8, 15, 16])
    func roundTrip(kind: Kind, count: Int) throws {
        var random = SplitMix64(seed: IOMethodMatrix.seed, stream: UInt64(count))
        let (encoder, decoder) = (try ChunkEncoder(), try ChunkDecoder())
        var habit = EncodingHabit()
        var rearranged = 0
        for round in 0..<70 {
            let pages = Self.pages(kind, count, &random)
            let output = PageMemory(count)
            let addresses = pages.addresses
            let encoded = unsafe encoder.encode(
                addresses.span, level: round % 2 == 0 ? 1 : 3, habit: &habit,
                into: output.memory)
            if kind == .noise { #expect(encoded.encoding == .raw) }
            if encoded.encoding == .rearranged { rearranged += 1 }
            let first = random.below(count)
            for wanted in [0..<count, first..<count, first..<first + 1] {
                let back = PageMemory(wanted.count, apart: round % 3 == 0)
                let targets = back.addresses
                let isSound = unsafe decoder.decode(
                    UnsafeRawBufferPointer(rebasing: output.memory[..<encoded.storedBytes]),
                    encoding: encoded.encoding, plainBytes: encoded.plainBytes,
                    pageCount: count, wanted: wanted, into: targets.span)
                try #require(isSound)
                for position in wanted {
                    #expect(
                        unsafe memcmp(
                            pages[position].pointer, back[position - wanted.lowerBound].pointer,
                            blockSize) == 0, "page \(position) of \(kind)")
                }
            }
        }
        if kind == .heap && count >= 8 { #expect(rearranged > 0) }
    }

    @Test("Damaged payloads are refused or give some pages, and nothing worse")
    func hostile() throws {
        var random = SplitMix64(seed: IOMethodMatrix.seed, stream: 99)
        let (encoder, decoder) = (try ChunkEncoder(), try ChunkDecoder())
        var habit = EncodingHabit()
        var refused = 0
        for round in 0..<3000 {
            let kind = Kind.allCases[round % Kind.allCases.count]
            let count = 1 + round % 16
            let pages = Self.pages(kind, count, &random)
            let output = PageMemory(count)
            let addresses = pages.addresses
            var encoded = unsafe encoder.encode(
                addresses.span, level: 1, habit: &habit, into: output.memory)
            for _ in 0...random.below(4) {
                unsafe output.memory[random.below(encoded.storedBytes)] ^=
                    UInt8(1 << random.below(8))
            }
            if random.below(4) == 0 {
                encoded.storedBytes = random.below(encoded.storedBytes + 1)
            }
            if random.below(4) == 0 { encoded.plainBytes = random.below(1 << 20) }
            if random.below(6) == 0 { encoded.encoding = .rearranged }
            let back = PageMemory(count)
            let targets = back.addresses
            let isSound = unsafe decoder.decode(
                UnsafeRawBufferPointer(rebasing: output.memory[..<encoded.storedBytes]),
                encoding: encoded.encoding, plainBytes: encoded.plainBytes, pageCount: count,
                wanted: 0..<count, into: targets.span)
            if !isSound { refused += 1 }
        }
        #expect(refused > 300)
    }

    @Test("Decoding arbitrary bytes never writes outside the pages")
    func mutatedArrangements() {
        var random = SplitMix64(seed: IOMethodMatrix.seed, stream: 7)
        var transform = HeapTransform()
        defer { transform.free() }
        let room = 16 * blockSize + 16 * 64 + 64 + HeapTransform.slack
        let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 16)
        defer { unsafe plain.deallocate() }
        var refused = 0
        for round in 0..<4000 {
            let count = 1 + round % 16
            let pages = Self.pages(round % 2 == 0 ? .heap : .heapAndNoise, count, &random)
            let addresses = pages.addresses
            guard
                var size = unsafe transform.encode(
                    addresses.span, hasColumns: round % 4 < 2, into: plain)
            else { continue }
            for _ in 0...random.below(3) {
                // Mostly the numbers at the start, on which everything else depends.
                let limit = random.below(2) == 0 ? min(size, 1000) : size
                unsafe plain[random.below(limit)] = UInt8(random.below(256))
            }
            if random.below(5) == 0 { size = random.below(size) }
            let back = PageMemory(count)
            let targets = back.addresses
            let input = unsafe UnsafeRawBufferPointer(rebasing: plain[..<size])
            if unsafe !HeapTransform.decode(
                input, pageCount: count, wanted: 0..<count, into: targets.span)
            {
                refused += 1
            }
        }
        #expect(refused > 400)
    }

    @Test("The checksum is right, with and without processor support")
    func checksum() {
        let text = Array("123456789".utf8)
        #expect(unsafe strata_crc32c(0, text, text.count) == 0xE306_9283)
        #expect(unsafe strata_crc32c_portable(0, text, text.count) == 0xE306_9283)
        var random = SplitMix64(seed: IOMethodMatrix.seed, stream: 3)
        let bytes = (0..<20000).map { _ in UInt8(random.below(256)) }
        for round in 0..<400 {
            let start = random.below(2500)
            let count = round % 2 == 0 ? random.below(2500) : random.below(17500)
            unsafe bytes.withUnsafeBytes { bytes in
                let part = unsafe bytes.baseAddress! + start
                let whole = unsafe strata_crc32c(0, part, count)
                #expect(unsafe strata_crc32c_portable(0, part, count) == whole)
                let half = count / 2
                let first = unsafe strata_crc32c(0, part, half)
                #expect(unsafe strata_crc32c(first, part + half, count - half) == whole)
            }
        }
    }

    // MARK: Pages

    private static func pages(_ kind: Kind, _ count: Int, _ random: inout SplitMix64)
        -> PageMemory
    {
        let pages = PageMemory(count)
        let firstBlock = UInt32(random.below(1 << 32))
        for position in 0..<count {
            let bytes = unsafe pages[position].bytes
            switch kind {
            case .zeroes: unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0)
            case .noise: noise(bytes, &random)
            case .alike: pages.fill(position, UInt32(position))
            case .heap: heap(bytes, firstBlock &+ UInt32(position), &random)
            case .heapAndNoise:
                if random.below(3) == 0 {
                    noise(bytes, &random)
                } else {
                    heap(bytes, firstBlock &+ UInt32(position), &random)
                }
            case .oddHeap:
                heap(bytes, firstBlock &+ UInt32(position), &random)
                // A dead line pointer, a byte in the free space, a special area …
                unsafe bytes[random.below(blockSize)] ^= UInt8(random.below(256))
            }
        }
        return pages
    }

    private static func noise(
        _ bytes: UnsafeMutableRawBufferPointer, _ random: inout SplitMix64
    ) {
        let words = unsafe bytes.bindMemory(to: UInt64.self)
        for index in words.indices { unsafe words[index] = random.next() }
    }

    /// A page of tuples as a load leaves it.
    private static func heap(
        _ bytes: UnsafeMutableRawBufferPointer, _ block: UInt32, _ random: inout SplitMix64
    ) {
        unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0)
        func put(_ value: UInt16, _ offset: Int) {
            unsafe bytes.storeBytes(of: value, toByteOffset: offset, as: UInt16.self)
        }
        var (lower, upper) = (24, blockSize)
        let wanted = random.below(300)
        for number in 0..<wanted {
            let length = random.below(40) == 0 ? 24 : 24 + random.below(180)
            let start = upper - (length + 7) & ~7
            if start < lower + 4 { break }
            unsafe bytes.storeBytes(
                of: UInt32(start) | 1 << 15 | UInt32(length) << 17, toByteOffset: lower,
                as: UInt32.self)
            put(UInt16(truncatingIfNeeded: block >> 16), start + 12)
            put(UInt16(truncatingIfNeeded: block), start + 14)
            put(UInt16(number + 1), start + 16)
            if random.below(50) == 0 { put(UInt16(random.below(65536)), start + 20) }
            for offset in start + 24..<start + length {
                unsafe bytes[offset] = UInt8(97 + random.below(6))
            }
            (lower, upper) = (lower + 4, start)
        }
        put(UInt16(lower), 12)
        put(UInt16(upper), 14)
        put(UInt16(blockSize), 16)
        put(UInt16(blockSize | 4), 18)
    }
}

extension PageMemory {
    /// All pages in one piece of memory. They must be contiguous.
    var memory: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: self[0].pointer, count: count * blockSize)
    }
}
