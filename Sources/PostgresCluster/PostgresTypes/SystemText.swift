/// Types for the server's own purposes: row ids, log positions, snapshots, vectors, rights.
enum SystemText {
    /// `tid`: block and line pointer.
    static func writeRowID(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let high = UInt64(try value.load(0, as: UInt16.self))
        let low = UInt64(try value.load(2, as: UInt16.self))
        output.append("(" as Unicode.Scalar)
        output.append(unsigned: high << 16 | low)
        output.append("," as Unicode.Scalar)
        output.append(unsigned: UInt64(try value.load(4, as: UInt16.self)))
        output.append(")" as Unicode.Scalar)
    }

    /// `pg_lsn`.
    static func writeLogPosition(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let position = try value.load(0, as: UInt64.self)
        output.append(upperHexadecimal: UInt32(position >> 32))
        output.append("/" as Unicode.Scalar)
        output.append(upperHexadecimal: UInt32(truncatingIfNeeded: position))
    }

    /// `pg_snapshot` and `txid_snapshot`: a count, two bounds, the transactions in between.
    static func writeSnapshot(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let count = Int(try value.load(0, as: UInt32.self))
        output.append(unsigned: try value.load(4, as: UInt64.self))
        output.append(":" as Unicode.Scalar)
        output.append(unsigned: try value.load(12, as: UInt64.self))
        output.append(":" as Unicode.Scalar)
        for index in 0..<count {
            if index > 0 { output.append("," as Unicode.Scalar) }
            output.append(unsigned: try value.load(20 + 8 * index, as: UInt64.self))
        }
    }

    /// `int2vector` and `oidvector`: arrays of one dimension without the braces.
    static func writeVector(
        _ value: RawSpan, isOID: Bool, to output: inout TextOutput
    ) throws(ValueFault) {
        // Dimensions, offset of the data, type of the elements, count, first index.
        let count = Int(try value.load(12, as: Int32.self))
        guard count >= 0 else { throw .malformed("a vector of \(count) elements") }
        for index in 0..<count {
            if index > 0 { output.append(" " as Unicode.Scalar) }
            if isOID {
                output.append(unsigned: UInt64(try value.load(20 + 4 * index, as: UInt32.self)))
            } else {
                output.append(signed: Int64(try value.load(20 + 2 * index, as: Int16.self)))
            }
        }
    }

    /// The letters of rights, lowest bit first.
    private static let rights = Array("arwdDxtXUCTcsAm".utf8)

    /// `aclitem`: the grantee, the rights, the grantor. Since PostgreSQL 16 the rights have 64
    /// bits.
    static func writeRights(
        _ value: RawSpan, names: any ObjectNames, to output: inout TextOutput
    ) throws(ValueFault) {
        let grantee = try value.load(0, as: UInt32.self)
        let bits: UInt64
        let optionShift: UInt64
        if value.byteCount >= 16 {
            bits = try value.load(8, as: UInt64.self)
            optionShift = 32
        } else {
            bits = UInt64(try value.load(8, as: UInt32.self))
            optionShift = 16
        }
        if grantee != 0 { writeRole(grantee, names, to: &output) }
        output.append("=" as Unicode.Scalar)
        for (bit, letter) in rights.enumerated() where bits >> UInt64(bit) & 1 == 1 {
            output.append(letter)
            if bits >> (UInt64(bit) + optionShift) & 1 == 1 { output.append("*" as Unicode.Scalar) }
        }
        output.append("/" as Unicode.Scalar)
        writeRole(try value.load(4, as: UInt32.self), names, to: &output)
    }

    private static func writeRole(
        _ role: UInt32, _ names: any ObjectNames, to output: inout TextOutput
    ) {
        guard let name = names.roleName(role) else { return output.append(unsigned: UInt64(role)) }
        let isSafe = name.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
            default: false
            }
        }
        if isSafe { return output.append(name) }
        output.append("\"" as Unicode.Scalar)
        for byte in name {
            output.append(byte)
            if byte == UInt8(ascii: "\"") { output.append(byte) }
        }
        output.append("\"" as Unicode.Scalar)
    }
}

/// The kinds of objects whose numbers are values of a type.
public enum ObjectKind: UInt8, Sendable, Hashable, CaseIterable {
    /// `regclass`.
    case relation
    /// `regtype`.
    case type
    /// `regproc`.
    case function
    /// `regprocedure`.
    case functionWithArguments
    /// `regoper`.
    case `operator`
    /// `regoperator`.
    case operatorWithArguments
    /// `regnamespace`.
    case schema
    /// `regrole`.
    case role
    /// `regconfig`.
    case searchConfiguration
    /// `regdictionary`.
    case searchDictionary
    /// `regcollation`.
    case collation
}

/// Names of objects, for the types whose values are object numbers. Names are in the database's
/// encoding. Any thread may use it.
public protocol ObjectNames: Sendable {
    /// The name as the server prints it, quoted and qualified if necessary; nil if there is no such
    /// object.
    func name(of kind: ObjectKind, _ number: UInt32) -> [UInt8]?
    /// A role's plain name.
    func roleName(_ number: UInt32) -> [UInt8]?
}

/// Knows no names, so all objects are printed as numbers.
public struct NoObjectNames: ObjectNames {
    /// Makes one.
    public init() {}
    /// Always nil.
    public func name(of kind: ObjectKind, _ number: UInt32) -> [UInt8]? { nil }
    /// Always nil.
    public func roleName(_ number: UInt32) -> [UInt8]? { nil }
}
