import RowText
import Strata

/// A header, and the columns that it is brought together with.
struct HeaderMatch {
    /// The names in the header, made valid.
    let header: [String]
    let schema: Schema

    /// Makes the reader bring the fields into the columns' order.
    ///
    /// - Throws: `LoadError` if the header has other columns, or lacks one that must not be NULL.
    func arrange(
        _ reader: inout CSVReader, _ warn: ((String) -> Void)?
    ) throws(LoadError) {
        let sources = schema.columns.map { position(of: $0.name) }
        let used = Set(sources.compactMap(\.self))
        if let unknown = header.indices.first(where: { !used.contains($0) }) {
            throw reader.headerFailure(.unknownColumn, field: unknown, name: header[unknown])
        }
        let missing = schema.columns.indices.filter { sources[$0] == nil }
        let refused = missing.filter { !schema.columns[$0].isNullable }
        if !refused.isEmpty {
            throw LoadError(
                .option(
                    "the header lacks \(Self.list(refused.map { schema.columns[$0].name })), which"
                        + " must not be NULL; add it to the file"), source: reader.sourceName)
        }
        if !missing.isEmpty {
            warn?(
                "the header lacks \(Self.list(missing.map { schema.columns[$0].name })); the"
                    + " rows have NULL there")
        }
        reader.arrange(sources, fieldNames: header)
    }

    /// Checks a header whose columns are taken by position.
    ///
    /// - Parameters:
    ///   - reader: the reader, which has read the header.
    ///   - mustName: whether the header must name the columns in their order.
    ///   - warn: told if it names them in another order.
    func checkPositions(
        _ reader: inout CSVReader, mustName: Bool, _ warn: ((String) -> Void)?
    ) throws(LoadError) {
        let names = schema.columns.map(\.name)
        if mustName { try checkNames(&reader, names) }
        var count = header.count
        if reader.options.fillsMissingFields {
            // The names of missing fields may be missing too, and there may be empty ones.
            while count > names.count, header[count - 1] == "column\(count)" { count -= 1 }
            count = max(count, names.count)
        }
        if count != names.count {
            throw reader.failure(
                count < names.count
                    ? .missingFields(expected: names.count, found: count)
                    : .extraFields(expected: names.count, found: count),
                field: min(count, names.count))
        }
        let isReordered = zip(header, names).contains { found, name in
            found != name && names.contains(found)
        }
        if isReordered {
            warn?(
                "the header names the columns in another order (\(Self.list(header))) than the"
                    + " schema (\(Self.list(names))); they are loaded by position. To load them"
                    + " by name, match columns by name")
        }
    }

    private func checkNames(_ reader: inout CSVReader, _ names: [String]) throws(LoadError) {
        let found = ColumnNames.valid(header, count: max(header.count, names.count))
        guard let index = names.indices.first(where: { found[$0] != names[$0] }) else { return }
        let missing = names.filter { !header.contains($0) }
        if !missing.isEmpty && header.allSatisfy(names.contains) {
            throw reader.headerFailure(.missingColumns(missing), field: 0, name: nil)
        }
        throw reader.headerFailure(
            .unexpectedColumn(expected: names[index]), field: index, name: names[index])
    }

    /// The position of a name in the header. Upper and lower case are the same where that is
    /// unambiguous.
    private func position(of name: String) -> Int? {
        if let exact = header.firstIndex(of: name) { return exact }
        let folded = name.lowercased()
        let same = header.indices.filter { header[$0].lowercased() == folded }
        let isAmbiguous =
            same.count != 1 || schema.index(of: header[same[0]]) != nil
            || schema.columns.count { $0.name.lowercased() == folded } > 1
        return isAmbiguous ? nil : same[0]
    }

    private static func list(_ names: [String]) -> String {
        names.map { "\"\($0)\"" }.joined(separator: ", ")
    }
}

extension CSVReader {
    /// An error about a name in the header, which was just read.
    fileprivate func headerFailure(
        _ reason: LoadError.Reason, field: Int, name: String?
    ) -> LoadError {
        var error = failure(reason, field: field)
        error.column = name
        if name == nil {
            error.location?.field = 0
            error.excerpt = nil
        }
        return error
    }
}
