/// Which field of a record each column takes.
struct FieldArrangement {
    /// The positions of the columns' fields; nil for a column without one.
    let sources: [Int?]
    /// The names of the fields.
    let fieldNames: [String]
    /// The fields of the current record, in the file's order.
    var saved: [CSVField] = []
    /// Whether the reader's fields stand in the columns' order.
    var isDone = false
}

extension CSVReader {
    /// Makes later records have a field for each column, in the columns' order.
    ///
    /// - Parameters:
    ///   - sources: for each column, the position of its field in the file; nil for a column that
    ///     the file lacks, which is then NULL in every row.
    ///   - fieldNames: the names of the file's fields. Each record must have as many.
    public mutating func arrange(_ sources: [Int?], fieldNames: [String]) {
        precondition(sources.allSatisfy { $0.map(fieldNames.indices.contains) ?? true })
        expectedFieldCount = fieldNames.count
        arrangement = FieldArrangement(sources: sources, fieldNames: fieldNames)
        nullLength = nil
    }

    /// Brings the record's fields, which were checked, into the columns' order.
    @inline(never)
    mutating func arrangeFields() {
        guard var arrangement = arrangement.take() else { return }
        arrangement.saved.removeAll(keepingCapacity: true)
        for index in 0..<fieldCount { arrangement.saved.append(field(index)) }
        let missing = CSVField(missingAt: recordEnd - recordStart)
        while fieldCapacity < arrangement.sources.count { growFields() }
        for (column, source) in arrangement.sources.enumerated() {
            unsafe fields[column] = source.map { arrangement.saved[$0] } ?? missing
        }
        fieldCount = arrangement.sources.count
        arrangement.isDone = true
        self.arrangement = arrangement
    }

    /// Adds the fields that the record lacks, and removes empty ones behind the last column.
    @inline(never)
    mutating func fillMissingFields() {
        guard let expected = expectedFieldCount else { return }
        while fieldCount < expected {
            if fieldCount == fieldCapacity { growFields() }
            unsafe fields[fieldCount] = CSVField(missingAt: recordEnd - recordStart)
            fieldCount += 1
        }
        while fieldCount > expected, field(fieldCount - 1).length == 0,
            !field(fieldCount - 1).isQuoted
        {
            fieldCount -= 1
        }
    }

    /// The position in the file and the name of field `index`.
    func place(ofField index: Int) -> (position: Int, name: String?) {
        guard let arrangement, arrangement.isDone else {
            let names = arrangement?.fieldNames ?? columnNames
            return (index, index < names.count ? names[index] : nil)
        }
        let position = index < arrangement.sources.count ? arrangement.sources[index] : nil
        return (position ?? index, index < columnNames.count ? columnNames[index] : nil)
    }
}
