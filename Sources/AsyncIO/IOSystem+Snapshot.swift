internal import Synchronization

/// One handle in use, as it was at one moment. Corresponds to a row of PostgreSQL's `pg_aios` view.
public struct HandleSnapshot: Sendable {
    /// The issuing session's number.
    public let sessionIndex: Int
    /// The handle's number.
    public let id: Int
    /// Which of the handle's IOs it is.
    public let generation: UInt64
    /// Where it stands.
    public let state: HandleState
    /// What it does.
    public let operation: IOOperation
    /// The first byte's position in the file.
    public let offset: Int64
    /// How many bytes it moves in all.
    public let length: Int
    /// The kind of object it is on, empty while none is set.
    public let targetName: String
    /// The object it is on, in words.
    public let targetDescription: String
    /// Bytes moved or a negated `errno`, once executed.
    public let rawResult: Int?
    /// The distilled result, `unknown` until the callbacks have run.
    public let result: IOResult
    /// Its flags.
    public let flags: IOFlags
}

extension IOSystem {
    /// All handles in use. Each snapshot is consistent in itself; taking them blocks no thread.
    ///
    /// A handle that moves on to another IO while it is read is left out. Any thread; time grows
    /// with ``handleCapacity``.
    public func snapshot() -> [HandleSnapshot] {
        var result: [HandleSnapshot] = []
        for index in initializedHandles {
            if let one = unsafe snapshot(handles + index) { result.append(one) }
        }
        return result
    }

    private func snapshot(_ handle: HandlePointer) -> HandleSnapshot? {
        let generation = unsafe handle.pointee.generation.load(ordering: .acquiring)
        let state = unsafe handle.pointee.state
        if state == .idle { return nil }
        let target = unsafe target(handle.pointee.target)
        let targetData = unsafe handle.pointee.targetData
        let isExecuted = state.rawValue >= HandleState.completedIO.rawValue
        let raw = unsafe Int(handle.pointee.rawResult.load(ordering: .relaxed))
        let result = unsafe handle.pointee.distilled
        let operation = unsafe handle.pointee.operation
        let offset = unsafe handle.pointee.offset.load(ordering: .relaxed)
        let length = unsafe Int(handle.pointee.length.load(ordering: .relaxed))
        let flags = unsafe handle.pointee.flags
        // What was read above must not be newer than the generation compared below.
        atomicMemoryFence(ordering: .acquiring)
        guard unsafe handle.pointee.generation.load(ordering: .relaxed) == generation else {
            return nil
        }
        return unsafe HandleSnapshot(
            sessionIndex: Int(handle.pointee.sessionIndex), id: Int(handle.pointee.index),
            generation: generation, state: state, operation: operation, offset: offset,
            length: length, targetName: target?.name ?? "",
            targetDescription: target?.describe(targetData) ?? "",
            rawResult: isExecuted ? raw : nil, result: result, flags: flags)
    }
}
