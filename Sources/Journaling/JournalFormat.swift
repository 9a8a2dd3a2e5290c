internal import StorageManager
package import StoreFormat

/// The bytes of a journal file, which the article "What is in a store" lists.
///
/// A file begins with a header that names its store and its round, followed by batches. It is used
/// in one round after another. What earlier rounds have left after the last batch has another
/// round's number or is torn, and does not count.
package enum JournalFormat {
    /// The files. Of two copies of a page, the one in the file with the later round is newer.
    static let fileNames = StoreFiles.journalNames
    /// A file for copies that could not be put in place on opening. They are older than those in
    /// the other files.
    package static let keptName = "strata.journal.kept"
    /// All of them, the oldest copies first.
    package static let allNames = [keptName] + fileNames
    /// The alignment of all parts, so that they can be written past the page cache.
    static let alignment = 4096
    /// The position of the first batch.
    static let firstBatch = Int64(alignment)
    /// The frame of the file's header.
    package static let header = SealedFile(magic: "STRATAJO", version: 3)
    static let headerPayload = 16
    /// How many of the first 4096 bytes the header takes.
    static let headerSize = SealedFile.overhead + headerPayload
    /// The positions of the header's two copies: one of them is complete, wherever a write was
    /// interrupted. The other bytes of the first 4096 are zeroes.
    static let headerOffsets = [0, alignment / 2]
    /// Marks the beginning of a batch: `STRATAJB`, read as a little-endian number.
    static let batchMagic: UInt64 = 0x424A_4154_4152_5453
    /// Size of a batch's header without its entries, and of each entry.
    static let batchHeaderSize = 64
    static let entrySize = 24
    /// The most entries of a batch. A larger number is not trusted.
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
        /// It was never written completely: the file has just been created and holds nothing.
        case unused
        /// A newer program wrote it.
        case newer(UInt32)
        /// It has changed since it was written, or belongs to another store.
        case damaged(String)
    }

    /// Decodes the round from a file's first bytes: the later one if the two headers differ.
    ///
    /// Nothing follows a header that was never written. So a file that is longer, or is neither
    /// zeroes nor the beginning of a header, was something else, and must not be removed.
    ///
    /// - Parameters:
    ///   - bytes: the first 4096 bytes, or fewer if the file ends before.
    ///   - size: the file's size.
    static func decodeHeader(_ bytes: [UInt8], size: Int64, store: UInt64) throws(HeaderFailure)
        -> UInt64
    {
        if bytes.allSatisfy({ $0 == 0 }) {
            throw size <= alignment ? .unused : .damaged("its header was overwritten by zeroes")
        }
        if bytes.count < alignment {
            throw isUnfinished(bytes) ? .unused : .damaged("it is no journal")
        }
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

    /// Whether bytes that are not all zeroes are a part of a header: at least one of its two copies
    /// has begun, and there is nothing else.
    private static func isUnfinished(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        var begun = 0
        for offset in headerOffsets where offset < bytes.count {
            let copy = bytes[offset..<min(offset + headerSize, bytes.count)]
            if zip(copy, header.magicBytes).allSatisfy(==) { begun += 1 }
            for index in copy.indices { rest[index] = 0 }
        }
        return begun > 0 && rest.allSatisfy { $0 == 0 }
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

/// What a batch contains.
enum JournalBatchKind: UInt32 {
    /// Copies of pages, which follow the header.
    case pages = 1
    /// Blocks that no longer exist: each entry's block and all blocks after it.
    case forgotten = 2
}

/// The header of a batch.
struct JournalBatchHeader: Equatable {
    /// The store's number.
    var store: UInt64
    /// The file's round.
    var round: UInt64
    /// How many batches of the round precede it.
    var sequence: UInt64
    /// Its position in the file.
    var position: UInt64
    var kind: JournalBatchKind
    var count: Int
    /// How many batches of the round were known to be durable when it was written. A batch is never
    /// reported durable before the earlier ones.
    var durable: UInt64

    /// Its size in bytes with its entries, and with its pages.
    var headLength: Int { JournalFormat.headLength(entries: count) }
    var length: Int { headLength + (kind == .pages ? count * blockSize : 0) }
}

/// The entry of one page, or of forgotten blocks.
struct JournalEntry: Equatable {
    var locator: RelationLocator
    var fork: Fork
    var block: UInt32
    /// CRC-32C of the page's bytes; zero for forgotten blocks.
    var checksum: UInt32
    /// The number of the page's replacement, if the copy counts only once the catalog has that
    /// number; else 0. Always 0 before version 3.
    var replacement: UInt32 = 0

    var page: PageKey { PageKey(locator: locator, fork: fork, block: block) }
}

/// A page, identified by its place.
struct PageKey: Hashable {
    let locator: RelationLocator
    let fork: Fork
    let block: UInt32
}
