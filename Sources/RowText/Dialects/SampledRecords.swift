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
    private(set) var looksDoubled = true

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

    /// How many fields the first record has; 0 if there is none.
    var headerCount: Int { counts.first ?? 0 }

    /// Whether all could be split, into more than one field, and have as many as the first.
    var isEven: Bool {
        failure == nil && counts.count > 1 && headerCount > 1 && !looksDoubled
            && counts.allSatisfy { $0 == headerCount }
    }

    /// Whether at least half of the records after the first have as many fields, or can have them
    /// filled.
    func isMostlyEven(filling: Bool) -> Bool {
        let fitting = counts.dropFirst().count { $0 == headerCount || filling && $0 > 1 }
        return failure == nil && headerCount > 1 && !looksDoubled && 2 * fitting >= counts.count - 1
    }
}
