internal import AsyncIO
internal import FileAccess
internal import StorageManager

/// Turns read bytes into pages, on the thread that learns of the completion. Several threads may do
/// so at once, on as many cores.
///
/// A damaged chunk gives pages that pass no verification, so the layers above treat them like any
/// damaged page. The result is then a warning that names the chunk.
final class ChunkReadCallbacks: IOCallbacks {
    private let frames: FramePool

    init(_ frames: FramePool) { self.frames = frames }

    /// In `errorData`: the rest is the number of a damaged chunk.
    private static let isDamage: UInt32 = 1 << 31
    /// In the target's last word: nothing was read, because the chunk numbered by the rest is lost.
    static let isLost: UInt64 = 1 << 63
    /// In `errorData`: not even one chunk arrived completely; the rest is the number of bytes that
    /// did.
    private static let isShort: UInt32 = 1 << 30

    var phases: IOCallbackPhases { .completeShared }

    func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult {
        let tag = io.targetData.word3
        let wanted = Int32(RelationLabel(io.targetData).count)
        if tag & Self.isLost != 0 {
            return IOResult(
                .warning, value: prior.value / Int32(blockSize), callbackID: registration.id,
                errorData: Self.isDamage)
        }
        if tag == 0 {
            // Zeroes, or nothing: as many bytes as blocks were found.
            let blocks = prior.value / Int32(blockSize)
            if blocks == 0 {
                return IOResult(.error, callbackID: registration.id, errorData: 0)
            }
            return IOResult(
                blocks < wanted ? .partial : .ok, value: blocks, callbackID: registration.id)
        }
        guard let slot = frames.slot(Int(tag) - 1), let fork = slot.fork else {
            preconditionFailure("a read in flight has its slot")
        }
        defer { fork.endRead(slot) }
        guard prior.status != .error, prior.value >= 0 else {
            return IOResult(
                .error, callbackID: registration.id, errorData: prior.value.magnitude)
        }
        let (blocks, damaged) = fork.decode(slot, length: Int(prior.value))
        if blocks == 0 {
            return IOResult(
                .error, callbackID: registration.id,
                errorData: Self.isShort | UInt32(prior.value))
        }
        if let damaged {
            return IOResult(
                .warning, value: Int32(blocks), callbackID: registration.id,
                errorData: Self.isDamage | damaged)
        }
        return IOResult(
            Int32(blocks) < wanted ? .partial : .ok, value: Int32(blocks),
            callbackID: registration.id)
    }

    func report(_ result: IOResult, targetData: IOTargetData) -> StorageError {
        let label = RelationLabel(targetData)
        let path = CompressedFork.dataPath(label.locator, label.fork)
        let location = StorageError.Location(
            relation: label.locator.description, fork: label.fork.name,
            block: label.block.rawValue, path: path)
        if targetData.word3 & Self.isLost != 0 {
            return StorageError(
                .lostChunk,
                "chunk \(targetData.word3 & ~Self.isLost) of file \"\(path)\" is lost; reading"
                    + " \(label) found this",
                remedy: "Put the relation's files back as they were, or restore the relation from a"
                    + " backup. Its other chunks can be read.",
                at: location)
        }
        if result.errorData & Self.isDamage != 0 {
            return StorageError(
                result.status == .error ? .invalidPage : .damagedChunk,
                "chunk \(result.errorData & ~Self.isDamage) of file \"\(path)\" is damaged; reading"
                    + " \(label) found this",
                remedy: "Restore the relation from a backup; its other chunks can be read.",
                at: location)
        }
        if result.errorData == 0 {
            return StorageError(
                .readFailed, "could not read \(label): it ends before",
                remedy: "Ask for blocks that exist.", at: location)
        }
        if result.errorData & Self.isShort != 0 {
            let bytes = result.errorData & ~Self.isShort
            return StorageError(
                .readFailed,
                "could not read \(label) in file \"\(path)\", which has only \(bytes) bytes of"
                    + " their chunk",
                remedy: "Restore the file from a backup: it is shorter than it should be.",
                at: location)
        }
        return StorageError(
            .readFailed, "could not read \(label) in file \"\(path)\"",
            remedy: StorageError.fileRemedy(for: CInt(truncatingIfNeeded: result.errorData))
                ?? "Check the disk, and try again.",
            at: location, errorNumber: CInt(truncatingIfNeeded: result.errorData))
    }
}

/// Publishes written chunks in the fork's map.
final class ChunkWriteCallbacks: IOCallbacks {
    private let frames: FramePool

    init(_ frames: FramePool) { self.frames = frames }

    /// In `errorData`: not even one chunk was written completely; the rest is the number of bytes
    /// that were.
    private static let isShort: UInt32 = 1 << 30

    var phases: IOCallbackPhases { .completeShared }

    func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult {
        guard let slot = frames.slot(Int(io.targetData.word3) - 1), let fork = slot.fork else {
            preconditionFailure("a write in flight has its slot")
        }
        guard prior.status != .error, prior.value >= 0 else {
            fork.finishWrite(slot, written: 0)
            return IOResult(
                .error, callbackID: registration.id, errorData: prior.value.magnitude)
        }
        let blocks = fork.finishWrite(slot, written: Int(prior.value))
        if blocks == 0 {
            return IOResult(
                .error, callbackID: registration.id,
                errorData: Self.isShort | UInt32(prior.value))
        }
        if blocks < Int(RelationLabel(io.targetData).count) {
            return IOResult(.partial, value: Int32(blocks), callbackID: registration.id)
        }
        return IOResult(prior.status, value: Int32(blocks), callbackID: prior.callbackID)
    }

    func report(_ result: IOResult, targetData: IOTargetData) -> StorageError {
        let label = RelationLabel(targetData)
        let path = CompressedFork.dataPath(label.locator, label.fork)
        let location = StorageError.Location(
            relation: label.locator.description, fork: label.fork.name,
            block: label.block.rawValue, path: path)
        if result.errorData & Self.isShort != 0 {
            let bytes = result.errorData & ~Self.isShort
            return StorageError(
                .writeFailed,
                "could not write \(label) in file \"\(path)\": wrote only \(bytes) bytes",
                remedy: StorageError.shortWriteRemedy,
                at: location)
        }
        let errorNumber = CInt(truncatingIfNeeded: result.errorData)
        return StorageError(
            .writeFailed, "could not write \(label) in file \"\(path)\"",
            remedy: StorageError.fileRemedy(for: errorNumber)
                ?? "Check the disk and the room on it, and try again.",
            at: location, errorNumber: errorNumber > 0 ? errorNumber : nil)
    }
}
