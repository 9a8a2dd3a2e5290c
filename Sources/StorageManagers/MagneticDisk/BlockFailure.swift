internal import AsyncIO
internal import FileAccess
internal import StorageManager

/// An operation on blocks.
enum BlockOperation: Sendable {
    case read
    case write
    case extend
}

/// Describes blocks that could not be read or written, in the same words for blocking and started
/// IO: `could not read blocks 3..5 in file "base/1/16384": read only 8192 of 24576 bytes`.
struct BlockFailure {
    let operation: BlockOperation
    let label: RelationLabel
    let path: String

    /// The error for a failed system call.
    func error(errorNumber: CInt) -> StorageError {
        StorageError(
            code, subject, remedy: StorageError.fileRemedy(for: errorNumber), at: location,
            errorNumber: errorNumber)
    }

    /// The error for a failure in a lower layer. Keeps the underlying error if it was no system
    /// call, and its code if a resource ran out that may become available again.
    func error(_ underlying: StorageError) -> StorageError {
        StorageError(
            underlying.code == .resourcesExhausted ? underlying.code : code, subject,
            remedy: underlying.remedy, at: location, errorNumber: underlying.errorNumber,
            underlying: underlying.errorNumber == nil ? underlying : nil)
    }

    /// The error for moving too few bytes.
    func error(transferred: Int) -> StorageError {
        let verb = operation == .read ? "read" : "wrote"
        return StorageError(
            code,
            "\(subject): \(verb) only \(transferred) of \(Int(label.count) * blockSize) bytes",
            remedy: operation == .read
                ? "The file is shorter than it should be; restore it from a backup."
                : StorageError.shortWriteRemedy,
            at: location)
    }

    private var subject: String {
        switch operation {
        case .read: "could not read \(label.blocks) in file \"\(path)\""
        case .write: "could not write \(label.blocks) in file \"\(path)\""
        case .extend: "could not extend file \"\(path)\" by \(label.blocks)"
        }
    }

    private var code: StorageError.Code {
        switch operation {
        case .read: .readFailed
        case .write: .writeFailed
        case .extend: .extendFailed
        }
    }

    private var location: StorageError.Location {
        StorageError.Location(
            relation: label.locator.description, fork: label.fork.name,
            block: label.block.rawValue, path: path)
    }
}
