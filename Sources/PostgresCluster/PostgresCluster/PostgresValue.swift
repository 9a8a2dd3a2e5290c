/// A value of a row, in the Swift type closest to its own.
public enum PostgresValue: Sendable, Hashable {
    /// Null.
    case null
    /// Of `boolean`.
    case boolean(Bool)
    /// Of `smallint`, `integer`, `bigint`, `oid`, `xid` and `cid`.
    case integer(Int64)
    /// Of `real` and `double precision`.
    case double(Double)
    /// Of `bytea`.
    case bytes([UInt8])
    /// Of any other type: the text that the server prints, in UTF-8.
    case text(String)
}

extension PostgresValue: CustomStringConvertible {
    /// The value as text; `NULL` for null.
    public var description: String {
        switch self {
        case .null: "NULL"
        case .boolean(let value): value ? "t" : "f"
        case .integer(let value): String(value)
        case .double(let value): String(value)
        case .bytes(let value): "\(value.count) bytes"
        case .text(let value): value
        }
    }
}
