public import RowSchema
public import RowText
public import Strata
public import SystemPackage

/// The options of ``RelationLoader/load(_:into:of:options:progress:onWidening:)``.
public struct LoadOptions: Sendable {
    /// What happens to an existing relation.
    public var mode = LoadTarget.Mode.create
    /// The columns. Nil means those of the relation to append to, or else inferred ones. Values
    /// must have the spelling of their column, if it has one.
    public var schema: Schema?
    /// The storage manager of a new relation; nil for the replaced relation's manager, or else the
    /// default.
    public var managerName: String?
    /// Options by name for the storage manager of a new relation. Options not given are those of
    /// the replaced relation, if the same storage manager keeps it.
    public var managerOptions: [String: String] = [:]
    /// The text format.
    public var csv = CSVOptions()
    /// How the header's names and the columns are brought together, if the columns are given or
    /// those of the relation to append to. Nil means by position; a header must then name the
    /// columns of a relation to append to, unless a schema was given.
    public var match: ColumnMatch?
    /// Columns whose types are not inferred: their names, types, and whether they may be NULL.
    public var typedColumns: [Column] = []
    /// Whether all other columns are text instead of what would be inferred.
    public var isAllText = false
    /// Receives, on the loading thread, what the user should know although the load continues.
    public var onWarning: (@Sendable (String) -> Void)?
    /// How a schema is inferred.
    public var inference = SchemaInference.Limits()
    /// Whether a load into a new relation begins again with wider types if an inferred type does
    /// not keep a later value exactly; otherwise such a value is an error. Columns whose
    /// `Column.spelling` is nil, and those of a relation to append to, never change.
    public var widens = true
    /// What happens to the load if a record cannot be loaded.
    public var onError = BadRecordPolicy.stop
    /// The file for skipped records; nil discards them. Only with `BadRecordPolicy.skip`. The
    /// file must be empty or new, and outside the store's directory.
    public var rejectsPath: FilePath?
    /// The number of the toast relation in the pointers to values that are stored out of line, by
    /// which PostgreSQL finds it; nil for that of the rows before, or else any.
    public var toastNumber: UInt32?
    /// How many threads parse records, beside the loading thread if more than one; nil for one for
    /// each core if the rows are short, and else for the loading thread alone. At most 16 are used.
    /// Short sources, and dialects other than RFC 4180's with one delimiter character, are parsed
    /// by the loading thread alone.
    public var threadCount: Int?
    /// Ends the load early on request.
    public var cancellation = Cancellation()
    /// The least time between two calls of the progress closure.
    public var progressIntervalNanoseconds: UInt64 = 100_000_000

    /// Options for a new relation with inferred columns, from comma-separated values with a header.
    /// The first bad record ends the load.
    public init() {}
}

/// How a file's fields and the columns are brought together.
public enum ColumnMatch: Sendable, Hashable {
    /// The first field is the first column's, whatever the header says.
    case position
    /// A field is that of the column which the header names. Columns that it does not name become
    /// NULL.
    case name
}

extension LoadOptions {
    /// The schema with the types of ``typedColumns`` and ``isAllText`` instead of inferred ones.
    ///
    /// - Parameters:
    ///   - schema: the inferred columns.
    ///   - source: the source's name.
    /// - Throws: `LoadError` if there is no such column.
    public func retyped(_ schema: Schema, source: String) throws(LoadError) -> Schema {
        var columns = schema.columns
        if isAllText { columns = columns.map { Column(name: $0.name, type: .text) } }
        for (position, column) in typedColumns.enumerated() {
            if typedColumns[..<position].contains(where: { $0.name == column.name }) {
                throw LoadError(
                    .option("column \"\(column.name)\" is given a type twice"), source: source)
            }
            guard let index = schema.index(of: column.name) else {
                throw LoadError(
                    .option(
                        "there is no column \"\(column.name)\" to give a type to; the columns are"
                            + " \(columns.map(\.name).joined(separator: ", "))"), source: source)
            }
            columns[index] = column
        }
        do throws(SchemaError) {
            return try Schema(columns)
        } catch {
            throw LoadError(.schema(error), source: source)
        }
    }
}

/// The progress of a load.
public struct LoadProgress: Sendable {
    /// The phase of a load.
    public enum Phase: Sendable, Hashable {
        /// Records are read and put on pages.
        case reading
        /// All were read; pages are made durable.
        case committing
    }

    /// The present phase.
    public var phase: Phase
    /// Rows placed on a page so far.
    public var rowCount: UInt64
    /// Bytes of the source consumed so far.
    public var byteCount: Int
    /// Bytes of the source, if known.
    public var totalByteCount: Int?
    /// Time since the load began.
    public var elapsedNanoseconds: UInt64
}

/// Wider types with which a load begins again, because an inferred one did not keep a value.
public struct LoadWidening: Sendable {
    /// The value, and where it is.
    public var cause: LoadError
    /// The columns so far.
    public var old: Schema
    /// The columns from now on.
    public var schema: Schema

    /// The columns whose types are other ones now.
    public var columns: [Column] {
        zip(old.columns, schema.columns).filter { $0 != $1 }.map(\.1)
    }
}

/// The result of a load.
public struct LoadSummary: Sendable {
    /// The columns of the relation.
    public var schema: Schema
    /// How many records the columns were inferred from; nil if they were given.
    public var inferredFromRecordCount: Int?
    /// Rows added.
    public var rowCount: UInt64
    /// Records skipped.
    public var rejectedCount: UInt64
    /// Why the first of them was skipped.
    public var firstRejection: LoadError?
    /// Pages added.
    public var pageCount: Int
    /// Bytes of the source.
    public var byteCount: Int
    /// Time from the call until the rows were durable.
    public var elapsedNanoseconds: UInt64
    /// The IO method that was used.
    public var methodName: String
}
