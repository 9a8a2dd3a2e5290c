internal import AsyncIO
internal import StorageManager

/// Converts copied bytes into blocks, as the callbacks of files do.
final class MemoryCallbacks: IOCallbacks {
    private let isRead: Bool

    init(isRead: Bool) { self.isRead = isRead }

    var phases: IOCallbackPhases { .completeShared }

    func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult {
        let blocks = prior.value / Int32(blockSize)
        guard prior.status != .error, blocks > 0 else {
            return IOResult(.error, callbackID: registration.id)
        }
        if blocks < RelationLabel(io.targetData).count {
            return IOResult(.partial, value: blocks, callbackID: registration.id)
        }
        return IOResult(prior.status, value: blocks, callbackID: prior.callbackID)
    }

    func report(_ result: IOResult, targetData: IOTargetData) -> StorageError {
        .endsBefore(RelationLabel(targetData), isRead: isRead)
    }
}

extension StorageError {
    /// The error for blocks beyond the end.
    static func endsBefore(_ label: RelationLabel, isRead: Bool) -> StorageError {
        StorageError(
            isRead ? .readFailed : .writeFailed,
            "could not \(isRead ? "read" : "write") \(label): the relation ends before",
            remedy: "Ask for blocks that exist.",
            at: Location(
                relation: label.locator.description, fork: label.fork.name,
                block: label.block.rawValue))
    }
}
