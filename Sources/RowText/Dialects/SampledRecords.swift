/// The shape of a sample's records under some options.
struct SampledRecords {
    /// The number of fields of each record, the header first, without empty lines.
    private(set) var counts: [Int] = []
    /// Why the records could not all be split; nil if they could.
    private(set) var failure: LoadError.Reason?
    /// The most fields that a record has; empty ones behind those of the first do not count.
    private(set) var widest = 0
    /// Whether a field seems to be quoted although quotes are ordinary characters: it begins with
    /// one; between tabs, it also ends with one.
    private(set) var looksQuoted = false
    /// Whether every second field is empty in all records, as where the delimiter is doubled.
    private var looksDoubled = true
    /// Whether the same special character stands on both sides of the delimiter in the header, as
    /// where it is the middle of a longer one.
    private var looksFramed = false

    /// Splits a sample.
    ///
    /// - Parameters:
    ///   - sample: the beginning of a source.
    ///   - isWhole: whether it is all of it.
    ///   - options: the options to try.
    /// - Throws: ``LoadError/Reason/option(_:)`` if the options contradict each other.
    init(_ sample: [UInt8], isWhole: Bool, _ options: CSVOptions) throws(LoadError) {
        var options = options
        options.bufferSize = min(max(sample.count, 1), options.bufferSize)
        var reader = try CSVReader(source: MemorySource(sample), options: options)
        while true {
            do throws(LoadError) {
                guard try reader.next() else { return }
            } catch {
                if !error.reason.isWithinRecord {
                    // The quote may be closed behind the sample.
                    let isCut = !isWhole && error.reason == .unterminatedQuote
                    if !isCut { failure = error.reason }
                    return
                }
            }
            // A record that ends with the sample may continue after it.
            if !isWhole && reader.consumedByteCount == sample.count { return }
            if reader.recordBytes.count > 0 { note(&reader) }
        }
    }

    private mutating func note(_ reader: inout CSVReader) {
        let count = reader.fieldCount
        counts.append(count)
        var width = count
        while width > (counts.count == 1 ? count : 0), reader.field(width - 1).length == 0,
            !reader.field(width - 1).isQuoted
        {
            width -= 1
        }
        widest = max(widest, width)
        if counts.count == 1 { looksFramed = Self.isFramed(reader) }
        looksDoubled = looksDoubled && count % 2 == 1 && count > 1
        if looksDoubled {
            looksDoubled = stride(from: 1, to: count, by: 2).allSatisfy {
                reader.field($0).length == 0
            }
        }
        guard reader.options.quote == nil else { return }
        for index in 0..<count {
            let bytes = reader.rawBytes(index)
            guard bytes.count > 1, bytes[0] == CSVSyntax.quote else { continue }
            if reader.options.delimiter != "\t" || bytes[bytes.count - 1] == CSVSyntax.quote {
                looksQuoted = true
            }
        }
    }

    private static func isFramed(_ reader: borrowing CSVReader) -> Bool {
        for index in 1..<max(reader.fieldCount, 1) {
            let (before, after) = (reader.rawBytes(index - 1), reader.rawBytes(index))
            guard before.count > 0, after.count > 0 else { return false }
            let character = after[0]
            guard before[before.count - 1] == character, "~^|:;#*=+".utf8.contains(character)
            else { return false }
        }
        return reader.fieldCount > 1
    }

    /// How many fields the first record has; 0 if there is none.
    var headerCount: Int { counts.first ?? 0 }

    /// Whether all could be split, into more than one field, and have as many as the first.
    var isEven: Bool {
        failure == nil && counts.count > 1 && splits && counts.allSatisfy { $0 == headerCount }
    }

    /// Whether all could be split, into that many fields.
    func haveAll(_ count: Int) -> Bool {
        failure == nil && !counts.isEmpty && counts.allSatisfy { $0 == count }
    }

    /// Whether the first record has several fields, and the delimiter is no part of a longer one.
    var splits: Bool { headerCount > 1 && !looksDoubled && !looksFramed }

    /// Whether at least half of the records behind a first one that is split are split too. Those
    /// behind a misplaced quote are unknown.
    var mostlySplits: Bool {
        switch failure {
        case nil, .strayQuote, .textAfterQuote, .unterminatedQuote: break
        default: return false
        }
        return splits && 2 * counts.dropFirst().count { $0 > 1 } >= counts.count - 1
    }

    /// Whether the first record has one field, and at least half of the others as many as the last,
    /// which has several: lines that are no part of the table may stand before it.
    var splitsLater: Bool {
        guard failure == nil, headerCount == 1, let last = counts.last, last > 1 else {
            return false
        }
        return 2 * counts.count { $0 == last } >= counts.count
    }
}
