/// The form in which a tuple holds a value of varying length. Mirrors the `varattrib` unions of
/// PostgreSQL.
public enum StoredForm: UInt8, Sendable {
    /// The value's own bytes, behind their length.
    case plain
    /// A word with the value's size and the method of compression, and the compressed bytes. Their
    /// length word has bit 1 set.
    case compressed
    /// A pointer to a value that is stored out of line: the ``pointerSize`` bytes behind a zero
    /// length and the tag ``onDiskTag``.
    case external

    /// The bytes of a pointer without its length and tag.
    @inlinable public static var pointerSize: Int { 16 }
    /// The bytes of the word before compressed bytes.
    @inlinable public static var wordSize: Int { 4 }
    /// The tag of a pointer to another relation's rows (`VARTAG_ONDISK`).
    @inlinable public static var onDiskTag: UInt8 { 18 }
}
