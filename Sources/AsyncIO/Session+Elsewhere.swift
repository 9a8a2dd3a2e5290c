internal import Synchronization

/// IO that code outside the method executes.
extension Session {
    /// Stages an IO, and begins it unless a batch is open.
    func stageElsewhere(_ handle: HandlePointer, _ begin: @escaping (OutsideIO) -> Void) {
        let io = unsafe define(handle)
        // Must precede the submission: from then on, waiters would ask the method for the IO.
        io.leaveMethod()
        if isInBatch, io.flags.isDisjoint(with: [.synchronous, .referencesLocal]) {
            unsafe handle.pointee.definition.begin = begin
            staged.append(io)
            stagedElsewhere += 1
        } else {
            unsafe beginElsewhere(handle, begin)
        }
    }

    /// Begins, in order, the IO that a batch held back, and leaves the rest to the method.
    func submitElsewhere() {
        if stagedElsewhere == 0 { return }
        stagedElsewhere = 0
        var kept = 0
        for position in staged.indices {
            let handle = unsafe staged[position].handle
            guard let begin = unsafe handle.pointee.definition.begin else {
                staged[kept] = staged[position]
                kept += 1
                continue
            }
            unsafe handle.pointee.definition.begin = nil
            unsafe beginElsewhere(handle, begin)
        }
        staged.removeLast(staged.count - kept)
    }

    private func beginElsewhere(_ handle: HandlePointer, _ begin: (OutsideIO) -> Void) {
        unsafe counters.pointee.elsewhere.add(1, ordering: .relaxed)
        unsafe appendInFlight(handle)
        unsafe StagedIO(handle).prepareSubmit()
        let io = unsafe OutsideIO(handle)
        let isLocal = io.flags.contains(.referencesLocal)
        unsafe handle.pointee.outsideSignal.store(0, ordering: .relaxed)
        // Pairs with the exchange by which a thread completes the IO, perhaps at once.
        unsafe handle.pointee.outsideGeneration.store(io.generation, ordering: .releasing)
        begin(io)
        if isLocal {
            // No thread may wait for this thread's staged IO while it sleeps.
            submitStaged()
            unsafe system.waitOutside(handle)
        }
        // Only this thread makes a handle idle, so the handle still serves the same IO here.
        if unsafe handle.pointee.state == .completedShared { unsafe reclaim(handle) }
    }
}
