package import AsyncIO

/// The rule for relation names: 1 to 63 bytes of UTF-8 without control characters.
///
/// Names never become file names, so nothing else is forbidden. The length is PostgreSQL's
/// `NAMEDATALEN` without the terminator.
package enum RelationName {
    static let maximumLength = 63

    /// What is wrong with a name; nil if it is allowed.
    package static func fault(_ name: String) -> String? {
        if name.isEmpty { return "it is empty" }
        let length = name.utf8.count
        if length > maximumLength { return "it has \(length) bytes, more than \(maximumLength)" }
        let hasControls = name.unicodeScalars.contains { scalar in
            scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        }
        return hasControls ? "it has control characters" : nil
    }

    /// - Throws: `invalidName`.
    package static func check(_ name: String) throws(StorageError) {
        guard let fault = fault(name) else { return }
        throw StorageError(
            .invalidName, "\(name.debugDescription) cannot name a relation: \(fault)",
            remedy: "Give a name of 1 to \(maximumLength) bytes without control characters.")
    }
}
