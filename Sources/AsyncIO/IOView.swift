internal import Synchronization
public import Threads

/// An IO as its callbacks and its target see it: what it does, on what, and its layers' data.
///
/// Borrowed for the length of one call; the callee cannot copy it.
@safe
public struct IOView: ~Copyable {
    /// Valid while the call lasts: the IO cannot be reclaimed before its callbacks return.
    let handle: HandlePointer

    init(_ handle: HandlePointer) { unsafe self.handle = unsafe handle }

    /// The handle's number.
    public var id: Int { unsafe Int(handle.pointee.index) }
    /// The number of the session that issued it.
    public var sessionIndex: Int { unsafe Int(handle.pointee.sessionIndex) }
    /// What it does.
    public var operation: IOOperation { unsafe handle.pointee.operation }
    /// Its flags.
    public var flags: IOFlags { unsafe handle.pointee.flags }
    /// The kernel descriptor it is on.
    public var descriptor: CInt { unsafe handle.pointee.descriptor.load(ordering: .relaxed) }
    /// The first byte's position in the file.
    public var offset: Int64 { unsafe handle.pointee.offset.load(ordering: .relaxed) }
    /// How many bytes it moves in all.
    public var length: Int { unsafe Int(handle.pointee.length.load(ordering: .relaxed)) }
    /// Details of what it is on, in the target's encoding.
    public var targetData: IOTargetData { unsafe handle.pointee.targetData }
    /// Bytes moved, or a negated `errno`. Zero until the IO was executed.
    public var rawResult: Int { unsafe Int(handle.pointee.rawResult.load(ordering: .relaxed)) }

    /// A reference by which other threads can wait for it.
    public var waitReference: WaitReference {
        unsafe WaitReference(
            index: handle.pointee.index,
            generation: handle.pointee.generation.load(ordering: .relaxed))
    }

    /// How many values `IOHandle.setData` stored.
    public var dataCount: Int { unsafe handle.pointee.definition.dataCount }

    /// A value stored with `IOHandle.setData`. The position must be below ``dataCount``.
    public func data(at position: Int) -> UInt64 {
        unsafe insist(
            position >= 0 && position < handle.pointee.definition.dataCount,
            "an IO has no data value at position \(position)")
        return unsafe handle.pointee.data[position]
    }

    /// The memory the IO reads into or writes from.
    ///
    /// The vectors are valid during the call; the bytes belong to the IO until it completes.
    @unsafe
    public var vectors: UnsafeBufferPointer<iovec> {
        unsafe UnsafeBufferPointer(
            start: handle.pointee.vectors, count: handle.pointee.definition.vectorCount)
    }
}
