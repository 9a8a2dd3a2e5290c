internal import AsyncIO
internal import PageFormat
internal import StorageManager
internal import Synchronization

/// A part of a file that one thread checks at a time.
struct CheckPiece: Sendable {
    /// What is taken from pages beside faults.
    enum Gathering: Sendable {
        case nothing
        /// The pointers to values stored out of line.
        case pointers
        /// The chunks of such values.
        case chunks
        /// How the pages of a B-tree are linked: a sum, and all links when it is read again.
        case links
    }

    /// The relation's number in the order of the check.
    let relation: Int
    let file: DataFile
    /// What the catalog says of the relation; nil if it has not been read, or does not name it.
    let known: KnownRelation?
    let gathering: Gathering
    /// Whether the pages were checked before, so that nothing is reported.
    let isRepeated: Bool
    /// The first block, counted from the file's beginning.
    let start: UInt64
    /// The block behind the last one; nil for the file's end, which may have moved since the file
    /// was listed.
    let end: UInt64?
    /// How many blocks it had when the file was listed.
    let blockCount: UInt64
    /// Whether it is the relation's last piece.
    let isLast: Bool
    let patience: Patience

    /// How many damaged pages of a file were read again after pauses. Any thread.
    final class Patience: Sendable {
        private let used = Atomic<Int>(0)
        /// In a file with so many damaged pages, the next ones are believed at once.
        private static let most = 20

        var isExhausted: Bool { used.load(ordering: .relaxed) >= Self.most }
        func use() { used.add(1, ordering: .relaxed) }
        func giveBack() { used.subtract(1, ordering: .relaxed) }
    }

    /// The number of blocks in a piece: as few as let threads share a table of some size, and as
    /// many as make the cost of a piece vanish.
    static let blocks: UInt64 = 512

    /// The numbers of neighbouring pieces that are handed out together: small files, up to the size
    /// of a piece.
    static func batches(_ pieces: [CheckPiece]) -> [Range<Int>] {
        var batches: [Range<Int>] = []
        var start = 0
        var count: UInt64 = 0
        for index in pieces.indices {
            if index > start && count + pieces[index].blockCount > blocks {
                batches.append(start..<index)
                (start, count) = (index, 0)
            }
            // A file costs something even if it is empty.
            count += pieces[index].blockCount + 4
        }
        if start < pieces.count { batches.append(start..<pieces.count) }
        return batches
    }
}

/// A relation in the order of a check.
struct CheckItem {
    let relation: RelationFiles
    /// What the catalog says of it; nil if it has not been read, or does not name it.
    var known: KnownRelation?
    let gathering: CheckPiece.Gathering

    /// Divides the relation's files, in their order.
    ///
    /// - Parameter number: the relation's number in the order of the check.
    func pieces(number: Int, segmentBlocks: Int) -> [CheckPiece] {
        pieces(relation.files, number, segmentBlocks: segmentBlocks, from: 0, isRepeated: false)
    }

    /// Divides what is to be read of the main fork once more, from a block on.
    func repeatedPieces(segmentBlocks: Int, from block: UInt32) -> [CheckPiece] {
        let files = relation.files.filter {
            $0.fork == .main
                && (UInt64($0.segment) + 1) * UInt64(segmentBlocks) > UInt64(block)
        }
        return pieces(
            files, 0, segmentBlocks: segmentBlocks, from: UInt64(block), isRepeated: true)
    }

    private func pieces(
        _ files: [DataFile], _ number: Int, segmentBlocks: Int, from block: UInt64,
        isRepeated: Bool
    ) -> [CheckPiece] {
        var pieces: [CheckPiece] = []
        for (index, file) in files.enumerated() {
            let patience = CheckPiece.Patience()
            let blocks = min(
                UInt64(max(0, file.bytes)) / UInt64(blockSize), UInt64(max(1, segmentBlocks)))
            let before = UInt64(file.segment) * UInt64(segmentBlocks)
            var start = block > before ? block - before : 0
            while true {
                let end = start + CheckPiece.blocks
                let isLast = end >= blocks
                pieces.append(
                    CheckPiece(
                        relation: number, file: file, known: known, gathering: gathering,
                        isRepeated: isRepeated, start: start, end: isLast ? nil : end,
                        blockCount: min(end, blocks) - min(start, blocks),
                        isLast: isLast && index == files.count - 1, patience: patience))
                if isLast { break }
                start = end
            }
        }
        return pieces
    }
}

/// What a thread found in a piece, or in a part of it.
struct PieceResult: Sendable {
    /// The piece's number.
    let piece: Int
    /// Whether nothing more follows of the piece.
    var isLast = true
    var findings: [ClusterFinding] = []
    var zeroPages = BlockRanges()
    var kinds = KindTally(expected: nil)
    var coverage = MapCoverage()
    var pointers: [ToastDemand.Pointer] = []
    var chunks: [ToastDemand.Chunk] = []
    var links: [BTreeLink] = []
    var linkSum: UInt64 = 0
    /// The block behind the last one of its table to which a B-tree was seen to lead.
    var tableEnd: UInt32 = 0
    var pages: UInt64 = 0
    var cutOffPages: UInt64 = 0
    var files = 0
    var vanishedFiles = 0
    /// Why the check cannot go on; nil if it can.
    var failure: StorageError?

    init(piece: Int) { self.piece = piece }
}
