public import AsyncIO
internal import PostgresReading

/// A table's name as SQL writes it: `orders`, `public.orders`, `"We ird"."a.b"`. Letters outside
/// quotes are folded to lower case.
public struct TableName: Sendable, Hashable, CustomStringConvertible {
    /// The schema; nil if none was given, in which case `public` and then `pg_catalog` are
    /// searched.
    public let schema: String?
    /// The table's own name.
    public let name: String

    /// Makes a name from its parts.
    public init(schema: String?, name: String) {
        self.schema = schema
        self.name = name
    }

    /// Reads a name.
    ///
    /// - Throws: `noSuchObject` if the text is not a name.
    public init(_ text: String) throws(StorageError) {
        var parts: [String] = []
        var rest = text.unicodeScalars[...]
        while true {
            guard let part = Self.takePart(&rest) else { throw Self.invalid(text) }
            parts.append(part)
            if rest.isEmpty { break }
            guard rest.removeFirst() == "." else { throw Self.invalid(text) }
        }
        guard parts.count <= 2, let last = parts.last else { throw Self.invalid(text) }
        schema = parts.count == 2 ? parts[0] : nil
        name = last
    }

    private static func invalid(_ text: String) -> StorageError {
        StorageError(
            .noSuchObject, "\"\(text)\" is not a table's name",
            remedy: "Write it as in SQL: orders, public.orders, \"We ird\".\"a.b\".")
    }

    /// Takes a quoted name, or everything up to a dot.
    private static func takePart(_ rest: inout Substring.UnicodeScalarView) -> String? {
        var part = String.UnicodeScalarView()
        guard rest.first == "\"" else {
            while let next = rest.first, next != "." {
                guard next != "\"" else { return nil }
                part.append(next)
                rest.removeFirst()
            }
            return part.isEmpty ? nil : lowercased(String(part))
        }
        rest.removeFirst()
        while let next = rest.popFirst() {
            if next != "\"" {
                part.append(next)
            } else if rest.first == "\"" {
                rest.removeFirst()
                part.append(next)
            } else {
                return part.isEmpty ? nil : String(part)
            }
        }
        return nil
    }

    /// In a database with a multi-byte encoding, the server folds only ASCII letters.
    private static func lowercased(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    scalar >= "A" && scalar <= "Z"
                        ? Unicode.Scalar(UInt8(scalar.value) | 0x20) : scalar
                }))
    }

    /// The name as SQL writes it.
    public var description: String {
        schema.map { "\(Identifier.quoted($0)).\(Identifier.quoted(name))" }
            ?? Identifier.quoted(name)
    }
}
