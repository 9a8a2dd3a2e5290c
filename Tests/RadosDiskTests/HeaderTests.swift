#if RADOS
    import Testing

    @testable import RadosDisk

    @Suite struct HeaderTests {
        @Test func headersComeBackAsTheyWereWritten() {
            var header = ForkHeader(incarnation: 0xFEDC_BA98_7654_3210, epoch: Epoch(7))
            header.exactCount = 1_000_000
            header.reservedCount = 1_000_448
            header.cutEnd = .max
            header.isRemoved = true
            #expect(header.bytes.count == ForkHeader.byteCount)
            #expect(ForkHeader(header.bytes) == header)
        }

        @Test func damagedHeadersAreRefused() {
            let bytes = ForkHeader(incarnation: 5, epoch: Epoch(1)).bytes
            for place in bytes.indices {
                var damaged = bytes
                damaged[place] ^= 4
                #expect(ForkHeader(damaged) == nil, "byte \(place)")
            }
            #expect(ForkHeader(Array(bytes.dropLast())) == nil)
            #expect(ForkHeader([]) == nil)
        }

        @Test func epochsCompareAsTheirTextsDo() {
            let epochs = [0, 1, 9, 10, 15, 16, 255, 4096, UInt64.max].map { Epoch($0) }
            for (earlier, later) in zip(epochs, epochs.dropFirst()) {
                #expect(earlier < later && earlier.text < later.text)
                #expect(Epoch(text: later.text) == later)
            }
            #expect(Epoch(text: "12") == nil && Epoch(text: "zzzzzzzzzzzzzzzz") == nil)
        }
    }
#endif
