internal import PageFormat
internal import PostgresReading
internal import PostgresTypes

/// A value stored out of line, as far as it could be had.
enum GatheredValue {
    /// All of it. Not sure if a chunk came from a damaged page.
    case complete([UInt8], isSure: Bool)
    /// What is missing, in words.
    case incomplete(String)
}

/// Puts the chunks of a value together.
enum ChunkGathering {
    /// The size of every chunk but the last.
    static let chunkSize = 1996
    private static let mostNamed = 8

    /// The value that a pointer refers to.
    ///
    /// - Parameter chunk: the bytes of a chunk, which the map says where to find; nil if they
    ///   cannot be read.
    static func value(
        _ pointer: ToastPointer, _ map: ChunkMap, _ chunk: (ChunkMap.Entry) -> [UInt8]?
    ) -> GatheredValue {
        let count = (pointer.storedSize + chunkSize - 1) / chunkSize
        let chunks = map.chunks(of: pointer.value)
        // Memory is taken for what is there, not for the size that a damaged pointer may claim.
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(pointer.storedSize, chunks.count * chunkSize))
        var (isSure, index) = (true, chunks.startIndex)
        var missing: [Int] = []
        var missingCount = 0
        for number in 0..<count {
            let size = min(chunkSize, pointer.storedSize - number * chunkSize)
            while index < chunks.endIndex, chunks[index].number < number { index += 1 }
            var isFound = false
            while index < chunks.endIndex, chunks[index].number == number {
                defer { index += 1 }
                guard !isFound, let found = chunk(chunks[index]), found.count == size else {
                    continue
                }
                if missingCount == 0 { bytes += found }
                isSure = isSure && chunks[index].isWhole
                isFound = true
            }
            if isFound { continue }
            missingCount += 1
            if missing.count < mostNamed { missing.append(number) }
        }
        if missingCount > 0 { return .incomplete(reason(pointer, count, missing, missingCount)) }
        do throws(ValueFault) {
            return .complete(try pointer.value(ofChunks: bytes), isSure: isSure)
        } catch {
            return .incomplete("value \(pointer.value), stored out of line, is damaged: \(error)")
        }
    }

    private static func reason(
        _ pointer: ToastPointer, _ count: Int, _ missing: [Int], _ missingCount: Int
    ) -> String {
        if missingCount >= count {
            return "value \(pointer.value), stored out of line, is not there"
        }
        let more = missingCount > missing.count ? " and \(missingCount - missing.count) more" : ""
        let numbers = missing.map { "\($0)" }.joined(separator: ", ")
        return "value \(pointer.value), stored out of line, lacks chunks \(numbers)\(more) of"
            + " \(count)"
    }

    /// A chunk's value and number, if a tuple is a possible row of a TOAST relation.
    static func header(of tuple: RawSpan) -> (value: UInt32, number: UInt32)? {
        guard let view = try? HeapTupleView(tuple, number: 1), view.attributeCount == 3,
            !view.hasNulls, let data = try? tuple.rest(view.dataOffset),
            let value = try? data.load(0, as: UInt32.self),
            let number = try? data.load(4, as: UInt32.self), value != 0, number < 1 << 20
        else { return nil }
        return (value, number)
    }

    /// The bytes of the chunk in the tuple that begins at `start`; nil if they cannot be a chunk.
    static func bytes(of page: RawSpan, at start: Int, value: UInt32, number: UInt32) -> [UInt8]? {
        guard let tuple = try? page.rest(start), let found = header(of: tuple),
            found == (value, number), let view = try? HeapTupleView(tuple, number: 1),
            let data = try? tuple.rest(view.dataOffset),
            let extent = try? ValueLayout.varlena.extent(in: data, from: 8),
            case .plain(let range) = try? Varlena.form(of: data, extent), range.count <= chunkSize,
            let part = try? data.part(range.lowerBound, range.count)
        else { return nil }
        return part.copied
    }
}
