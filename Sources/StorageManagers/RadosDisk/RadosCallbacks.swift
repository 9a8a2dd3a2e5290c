#if RADOS
    internal import AsyncIO
    internal import StorageManager

    /// Turns the bytes of an IO into blocks, and words its errors.
    final class RadosCallbacks: IOCallbacks {
        private let isRead: Bool
        private let place: String

        init(isRead: Bool, place: String) {
            self.isRead = isRead
            self.place = place
        }

        var phases: IOCallbackPhases { .completeShared }

        func completeShared(
            _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
        ) -> IOResult {
            guard prior.status != .error else {
                return IOResult(
                    .error, callbackID: registration.id, errorData: prior.errorData)
            }
            let blocks = prior.value / Int32(blockSize)
            if UInt32(blocks) < RelationLabel(io.targetData).count {
                return IOResult(.partial, value: blocks, callbackID: registration.id)
            }
            return IOResult(.ok, value: blocks)
        }

        func report(_ result: IOResult, targetData: IOTargetData) -> StorageError {
            let label = RelationLabel(targetData)
            return .rados(
                isRead ? .readFailed : .writeFailed,
                "could not \(isRead ? "read" : "write") \(label) in \(place)",
                -CInt(truncatingIfNeeded: result.errorData),
                at: StorageError.Location(
                    relation: label.locator.description, fork: label.fork.name,
                    block: label.block.rawValue, path: "\(place):\(objectName(label, targetData))"))
        }

        /// The incarnation travels as the manager's own word.
        private func objectName(_ label: RelationLabel, _ data: IOTargetData) -> String {
            let session = label.locator.isLocal ? ".t\(label.locator.localSession)" : ""
            return "\(label.locator.database).\(label.locator.number)\(session).\(label.fork.name)"
                + ".\(Epoch(data.word3).text).\(ObjectGeometry.object(label.block.rawValue))"
        }
    }
#endif
