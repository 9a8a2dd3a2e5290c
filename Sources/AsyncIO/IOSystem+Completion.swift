internal import Logging
internal import Synchronization
internal import Threads

/// What happens when an IO has been executed, on the thread that learns of it.
extension IOSystem {
    /// Takes the raw result. From here on no thread asks the method for this IO.
    func markExecuted(_ handle: HandlePointer, result: Int) {
        unsafe insist(
            handle.pointee.state == .submitted, "an IO is completed once, after its submission")
        unsafe handle.pointee.rawResult.store(
            Int32(clamping: result), ordering: .relaxed)
        if let lender = unsafe handle.pointee.definition.lender {
            unsafe handle.pointee.definition.lender = nil
            unsafe lender.takeBack(token: handle.pointee.definition.lenderToken)
        }
        unsafe handle.pointee.updateState(to: .completedIO)
    }

    /// Runs the shared callbacks and wakes the waiters.
    func finish(_ handle: HandlePointer) {
        let generation = unsafe handle.pointee.generation.load(ordering: .relaxed)
        let raw = unsafe handle.pointee.rawResult.load(ordering: .relaxed)
        var result =
            raw >= 0
            ? IOResult(.ok, value: raw) : IOResult(.error, value: raw, errorData: UInt32(-raw))
        unsafe forEachCallback(of: handle, in: .completeShared) { callbacks, registration in
            result = unsafe callbacks.completeShared(
                IOView(handle), prior: result, registration: registration)
        }
        unsafe handle.pointee.distilled = result
        unsafe counters[Int(handle.pointee.sessionIndex)].completed.add(1, ordering: .relaxed)
        unsafe handle.pointee.updateState(to: .completedShared)
        // The owner may have reclaimed the handle by now: only the old generation's list is closed.
        unsafe handle.pointee.waiters.close(generation: generation)
    }

    /// Runs the stage callbacks, on the issuing thread.
    func runStageCallbacks(_ handle: HandlePointer) {
        unsafe forEachCallback(of: handle, in: .stage) { callbacks, registration in
            unsafe callbacks.stage(IOView(handle), registration: registration)
        }
    }

    /// Runs the local callbacks, on the issuing thread.
    func runLocalCallbacks(_ handle: HandlePointer) -> IOResult {
        var result = unsafe handle.pointee.distilled
        unsafe forEachCallback(of: handle, in: .completeLocal) { callbacks, registration in
            result = unsafe callbacks.completeLocal(
                IOView(handle), prior: result, registration: registration)
        }
        return result
    }

    /// Runs the last registered first, so that a result climbs from the kernel towards the user.
    private func forEachCallback(
        of handle: HandlePointer, in phase: IOCallbackPhases,
        _ body: (any IOCallbacks, IOCallbackRegistration) -> Void
    ) {
        var position = unsafe handle.pointee.definition.callbackCount
        while position > 0 {
            position -= 1
            let registration = unsafe handle.pointee.definition.callbacks[position]
            guard let entry = callbacks[registration.id.rawValue] else { continue }
            if entry.phases.contains(phase) { body(entry, registration) }
        }
    }

    /// Throws if an IO failed.
    ///
    /// Returns for `ok` and `partial`, whose ``IOResult/value`` says how much was done. Logs a
    /// warning. Mirrors PostgreSQL's `pgaio_result_report`. Any thread.
    ///
    /// - Throws: the error, in the words of the callbacks that put it into the result; `misuse` if
    ///   the status is `unknown`, because the IO's own session has not waited for it.
    public func check(_ result: IOResult, targetData: IOTargetData) throws(StorageError) {
        guard result.status != .ok, result.status != .partial else { return }
        guard result.status != .unknown else {
            throw StorageError(
                .misuse, "the outcome of an IO that its session has not waited for is unknown",
                remedy: "Wait on the issuing session, before its scope ends.")
        }
        let error = error(of: result, targetData)
        if result.status == .error { throw error }
        logger.warning("\(error)")
    }

    /// A failure or a warning in the words of the callbacks that put it into the result.
    private func error(of result: IOResult, _ targetData: IOTargetData) -> StorageError {
        callbacks[result.callbackID.rawValue]?.report(result, targetData: targetData)
            ?? StorageError(
                .inputOutput, "an IO failed",
                errorNumber: CInt(truncatingIfNeeded: result.errorData))
    }

    /// Logs a failure or a warning that no code will ask for: else it would leave no trace.
    func logUnclaimed(_ result: IOResult, _ targetData: IOTargetData) {
        switch result.status {
        case .unknown, .ok, .partial: return
        case .warning: logger.warning("\(error(of: result, targetData))")
        case .error:
            logger.warning(
                "an IO in the background failed: \(error(of: result, targetData))")
        }
    }

    /// Logs the failure or the warning in a report that its owner gives up without looking at it.
    package func logUnclaimed(_ report: IOReturn) {
        logUnclaimed(report.result, report.targetData)
    }

    /// Throws if an IO failed, as ``check(_:targetData:)`` does.
    public func check(_ report: IOReturn) throws(StorageError) {
        try check(report.result, targetData: report.targetData)
    }
}
