internal import StorageManager
internal import StoreFormat

/// The bytes of a journal file; the article "What is in a store" lists them.
///
/// A file begins with a header that says whose it is and in which round it is written, and goes on
/// with batches. A file is used in one round after another; what earlier ones have left behind its
/// end has another round's number, or is torn, and counts for nothing.
package enum JournalFormat {
    /// The files. Which of them has the later round says which of two copies of a page is newer.
    static let fileNames = StoreFiles.journalNames
    /// Copies that an opening could not put in place, for a later one; older than those in the
    /// other files.
    package static let keptName = "strata.journal.kept"
    /// All of them, the oldest copies first.
    package static let allNames = [keptName] + fileNames
    /// All parts begin at multiples of that, so that they can be written past the page cache.
    static let alignment = 4096
    /// Where the first batch begins.
    static let firstBatch = Int64(alignment)
    /// The frame of the file's header.
    static let header = SealedFile(magic: "STRATAJO", version: 2)
    static let headerPayload = 16
    /// How many bytes of the first 4096 the header takes.
    static let headerSize = SealedFile.overhead + headerPayload
    /// Where the header is, twice: whichever part of both a write has reached, one of them is
    /// whole. The other bytes of the first 4096 are zeroes.
    static let headerOffsets = [0, alignment / 2]
    /// Marks the beginning of a batch: `STRATAJB`, read as a little-endian number.
    static let batchMagic: UInt64 = 0x424A_4154_4152_5453
    /// Bytes of a batch's header before its entries, and of each entry.
    static let batchHeaderSize = 64
    static let entrySize = 24
    /// How many entries a batch can have. Nothing larger is believed in.
    static let maximumEntries = 4096

    /// How many bytes a batch's header and entries take, rounded up to ``alignment``.
    static func headLength(entries: Int) -> Int {
        (batchHeaderSize + entries * entrySize + alignment - 1) / alignment * alignment
    }

    static let maximumHeadLength = headLength(entries: maximumEntries)

    /// The first 4096 bytes of a file.
    static func encodeHeader(store: UInt64, round: UInt64) -> [UInt8] {
        var payload = ByteWriter()
        payload.write(store)
        payload.write(round)
        let sealed = header.seal(payload.bytes)
        var bytes = [UInt8](repeating: 0, count: alignment)
        for offset in headerOffsets {
            bytes.replaceSubrange(offset..<offset + sealed.count, with: sealed)
        }
        return bytes
    }

    /// Why a file's header cannot be used.
    enum HeaderFailure: Error {
        /// It was never written whole: the file has just been created, and holds nothing.
        case unused
        /// A newer program wrote it.
        case newer(UInt32)
        /// It is not as it was written, or another store's.
        case damaged(String)
    }

    /// Reads the round from a file's first bytes: the later one where the two headers differ.
    ///
    /// - Parameter bytes: the first 4096, or fewer where the file ends before.
    static func decodeHeader(_ bytes: [UInt8], store: UInt64) throws(HeaderFailure) -> UInt64 {
        if bytes.count < alignment || bytes.allSatisfy({ $0 == 0 }) { throw .unused }
        var rounds: [UInt64] = []
        var first: HeaderFailure?
        for offset in headerOffsets {
            do throws(HeaderFailure) {
                rounds.append(try decodeHeader(bytes, at: offset, store: store))
            } catch {
                if case .newer = error { throw error }
                first = first ?? error
            }
        }
        if let round = rounds.max() { return round }
        throw first ?? .unused
    }

    private static func decodeHeader(_ bytes: [UInt8], at offset: Int, store: UInt64)
        throws(HeaderFailure) -> UInt64
    {
        let head = Array(bytes[offset..<offset + headerSize])
        do throws(SealedFile.Failure) {
            let payload = try header.open(head).payload
            var reader = ByteReader(head, payload)
            let found: UInt64
            let round: UInt64
            do throws(DecodingFailure) {
                found = try reader.read("the store's number")
                round = try reader.read("the round")
                try reader.finish()
            } catch { throw .damaged(error.reason) }
            guard found == store else { throw .damaged("it is another store's") }
            guard round > 0 else { throw .damaged("it has the impossible round 0") }
            return round
        } catch {
            switch error {
            case .notOurs: throw .damaged("its header was overwritten")
            case .newer(let version): throw .newer(version)
            case .damaged(let reason): throw .damaged(reason)
            }
        }
    }
}

/// What a batch is about.
enum JournalBatchKind: UInt32 {
    /// Copies of pages, which follow the header.
    case pages = 1
    /// Blocks that have ceased to exist: each entry's block and all behind it.
    case forgotten = 2
}

/// The header of a batch.
struct JournalBatchHeader: Equatable {
    /// The store's number.
    var store: UInt64
    /// The file's round.
    var round: UInt64
    /// How many batches of the round come before it.
    var sequence: UInt64
    /// Where in the file it begins.
    var position: UInt64
    var kind: JournalBatchKind
    var count: Int
    /// How many batches of the round were known to be durable when it was written. A batch is never
    /// told to be durable before those before it.
    var durable: UInt64

    /// How many bytes it takes with its entries, and with its pages.
    var headLength: Int { JournalFormat.headLength(entries: count) }
    var length: Int { headLength + (kind == .pages ? count * blockSize : 0) }
}

/// What a batch says of one page, or of blocks that are forgotten.
struct JournalEntry: Equatable {
    var locator: RelationLocator
    var fork: Fork
    var block: UInt32
    /// CRC-32C of the page's bytes; zero for forgotten blocks.
    var checksum: UInt32

    var page: PageKey { PageKey(locator: locator, fork: fork, block: block) }
}

/// A page, by where it belongs.
struct PageKey: Hashable {
    let locator: RelationLocator
    let fork: Fork
    let block: UInt32
}
