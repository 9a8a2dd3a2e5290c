internal import AsyncIO
internal import StorageManager

/// Converts the bytes of a completed read or write into blocks, and describes its failures.
///
/// A manager registers one per direction and attaches it to every IO that ``MagneticDisk`` starts.
/// Completion is arithmetic and, for writes, one entry in the sync queue; it may run on any thread.
/// Mirrors PostgreSQL's `aio_md_readv_cb`; PostgreSQL has no such callbacks for writes yet.
final class BlockCallbacks: IOCallbacks {
    private let operation: BlockOperation
    private let geometry: SegmentGeometry
    private let ledger: WriteLedger?

    /// - Parameter ledger: takes back the tickets of writes.
    init(_ operation: BlockOperation, geometry: SegmentGeometry, ledger: WriteLedger? = nil) {
        self.operation = operation
        self.geometry = geometry
        self.ledger = ledger
    }

    /// Marks an `errorData` whose other bits are a byte count instead of an `errno`. Less than one
    /// block was moved then, so the count always fits.
    private static let isByteCount: UInt32 = 1 << 31

    var phases: IOCallbackPhases { .completeShared }

    func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult {
        ledger?.finish(io.targetData.word3)
        guard prior.status != .error, prior.value >= 0 else {
            return IOResult(
                .error, callbackID: registration.id, errorData: prior.value.magnitude)
        }
        let blocks = Int(prior.value) / blockSize
        if blocks == 0 {
            return IOResult(
                .error, callbackID: registration.id,
                errorData: Self.isByteCount | UInt32(prior.value))
        }
        if blocks < io.length / blockSize {
            return IOResult(.partial, value: Int32(blocks), callbackID: registration.id)
        }
        return IOResult(prior.status, value: Int32(blocks), callbackID: prior.callbackID)
    }

    func report(_ result: IOResult, targetData: IOTargetData) -> StorageError {
        let label = RelationLabel(targetData)
        let failure = BlockFailure(
            operation: operation, label: label,
            path: geometry.path(label.locator, label.fork, block: label.block))
        guard result.status == .error else {
            return failure.error(transferred: Int(result.value) * blockSize)
        }
        if result.errorData & Self.isByteCount != 0 {
            return failure.error(transferred: Int(result.errorData & ~Self.isByteCount))
        }
        return failure.error(errorNumber: CInt(truncatingIfNeeded: result.errorData))
    }
}
