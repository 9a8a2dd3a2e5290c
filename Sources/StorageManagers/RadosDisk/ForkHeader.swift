#if RADOS
    internal import StorageManager

    /// The contents of a fork's header object.
    ///
    /// 64 bytes, little-endian:
    ///
    /// | byte | | |
    /// |---|---|---|
    /// | 0 | 8 | `STRADOS1` |
    /// | 8 | 4 | state: 1 the fork exists, 2 it is being removed |
    /// | 12 | 4 | block size, 8192 |
    /// | 16 | 4 | blocks per object, 512 |
    /// | 20 | 4 | number of blocks in the fork, as of the last sync or cut |
    /// | 24 | 4 | number of blocks that objects exist for |
    /// | 28 | 4 | end of the blocks that may have stale contents after a cut, or 0 |
    /// | 32 | 8 | incarnation, part of the names of the fork's objects |
    /// | 40 | 8 | the least epoch of the fork's objects |
    /// | 48 | 12 | zero |
    /// | 60 | 4 | CRC-32C of bytes 0 to 59 |
    struct ForkHeader: Hashable, Sendable {
        static let byteCount = 64
        private static let magic: UInt64 = 0x3153_4f44_4152_5453

        var isRemoved = false
        /// The length as of the last sync or cut.
        var exactCount: UInt32 = 0
        /// Objects exist for that many blocks, or are about to be created.
        var reservedCount: UInt32 = 0
        /// Blocks from ``exactCount`` up to here must be cleared before the fork grows again.
        var cutEnd: UInt32 = 0
        var incarnation: UInt64
        var sweptEpoch: UInt64

        init(incarnation: UInt64, epoch: Epoch) {
            self.incarnation = incarnation
            sweptEpoch = epoch.number
        }

        /// Reads a header. Returns nil if it is damaged or of another format.
        init?(_ bytes: [UInt8]) {
            func word<Word: FixedWidthInteger>(_ offset: Int) -> Word {
                (0..<Word.bitWidth / 8).reduce(0) { $0 | Word(bytes[offset + $1]) << Word($1 * 8) }
            }
            guard bytes.count == Self.byteCount, word(0) as UInt64 == Self.magic,
                word(60) as UInt32 == Self.checksum(bytes), word(12) as UInt32 == UInt32(blockSize),
                word(16) as UInt32 == UInt32(ObjectGeometry.blocksPerObject)
            else { return nil }
            let state = word(8) as UInt32
            guard state == 1 || state == 2 else { return nil }
            isRemoved = state == 2
            exactCount = word(20)
            reservedCount = word(24)
            cutEnd = word(28)
            incarnation = word(32)
            sweptEpoch = word(40)
        }

        var bytes: [UInt8] {
            var bytes: [UInt8] = []
            func add<Word: FixedWidthInteger>(_ word: Word) {
                for place in 0..<Word.bitWidth / 8 {
                    bytes.append(UInt8(truncatingIfNeeded: word >> Word(place * 8)))
                }
            }
            add(Self.magic)
            add(isRemoved ? 2 : 1 as UInt32)
            add(UInt32(blockSize))
            add(UInt32(ObjectGeometry.blocksPerObject))
            add(exactCount)
            add(reservedCount)
            add(cutEnd)
            add(incarnation)
            add(sweptEpoch)
            bytes += [UInt8](repeating: 0, count: 12)
            add(Self.checksum(bytes))
            return bytes
        }

        private static func checksum(_ bytes: [UInt8]) -> UInt32 {
            CRC32C.checksum(bytes.span.extracting(0..<byteCount - 4))
        }
    }

    /// Which object a block is in, and where.
    enum ObjectGeometry {
        /// 4 MiB.
        static let blocksPerObject = 512
        static let objectBytes = blocksPerObject * blockSize

        static func object(_ block: UInt32) -> Int { Int(block) / blocksPerObject }

        static func offset(_ block: UInt32) -> Int { Int(block) % blocksPerObject * blockSize }

        /// How many objects that many blocks take.
        static func objects(for blocks: UInt32) -> Int {
            (Int(blocks) + blocksPerObject - 1) / blocksPerObject
        }

        /// How many blocks that many objects hold, up to the limit of a fork.
        static func blocks(of objects: Int) -> UInt32 {
            UInt32(min(objects * blocksPerObject, Int(BlockNumber.maximumCount)))
        }
    }
#endif
