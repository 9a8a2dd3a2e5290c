import RowText
import Strata

/// Where a load stores the values of rows that do not fit a page with them: a toast relation, which
/// begins with the first of them. Belongs to the thread of its load.
struct MovedValues: ~Copyable {
    private var writer: ChunkWriter?
    /// The number of the toast relation in pointers; nil for the usual one.
    private let number: UInt32?

    init(_ options: LoadOptions) { number = options.toastNumber }

    /// Stores the values that were left out of the row that was encoded last, and forms the row.
    ///
    /// - Parameter load: the load of the rows.
    mutating func store(
        _ encoder: inout RowEncoder, _ load: PendingLoad
    ) throws(LoaderError) {
        do throws(StorageError) {
            if writer == nil { writer = try ChunkWriter(load, number: number) }
            guard var writer = writer.take() else { return }
            for index in 0..<encoder.movedCount {
                let size = encoder.size(ofMoved: index)
                let pointer = try encoder.withMoved(index) { (bytes) throws(StorageError) in
                    try writer.store(bytes, size: size)
                }
                encoder.place(pointer, forMoved: index)
            }
            encoder.finishMoved()
            self.writer = consume writer
        } catch {
            throw .storage(error)
        }
    }

    /// Gives the last page back, before the load commits.
    mutating func finish(_ load: PendingLoad) {
        load.toastLoad?.toastRowCount = writer?.chunkCount
        writer = nil
    }

    /// Gives the last page back, before the load ends without effect.
    mutating func abandon() { writer = nil }
}
