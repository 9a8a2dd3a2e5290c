internal import AsyncIO
internal import StorageManager
internal import Synchronization

/// Access to one descriptor: the functions that change a buffer's state.
///
/// Freely copyable. The pointer stays valid as long as there is a pin: a pool that ends with pins
/// on it leaks its descriptors and pages.
@safe
struct Buffer: @unchecked Sendable, BitwiseCopyable {
    let descriptor: UnsafeMutablePointer<BufferDescriptor>

    @inline(__always)
    init(_ descriptor: UnsafeMutablePointer<BufferDescriptor>) {
        unsafe self.descriptor = unsafe descriptor
    }

    @inline(__always)
    var state: BufferState {
        BufferState(unsafe descriptor.pointee.state.load(ordering: .acquiring))
    }

    /// Reads the tag. Meaningful only under a pin, or if a pin verifies it afterwards.
    @inline(__always)
    var tag: PageTag {
        unsafe PageTag(
            relation: descriptor.pointee.tagRelation.load(ordering: .relaxed),
            page: descriptor.pointee.tagPage.load(ordering: .relaxed))
    }

    @inline(__always)
    func hasTag(_ tag: PageTag) -> Bool {
        unsafe descriptor.pointee.tagPage.load(ordering: .relaxed) == tag.page
            && descriptor.pointee.tagRelation.load(ordering: .relaxed) == tag.relation
    }

    /// Changes the state from `old` to `new` if it is still `old`; else updates `old`.
    @inline(__always)
    func exchange(_ old: inout BufferState, _ new: BufferState) -> Bool {
        let (exchanged, original) = unsafe descriptor.pointee.state.compareExchange(
            expected: old.bits, desired: new.bits, ordering: .acquiringAndReleasing)
        if !exchanged { old = BufferState(original) }
        return exchanged
    }

    /// Changes the state and returns the one before.
    @discardableResult
    @inline(__always)
    func update(_ change: (BufferState) -> UInt64) -> BufferState {
        var old = state
        while !exchange(&old, BufferState(change(old))) {}
        return old
    }

    /// Sets the state. Callers must ensure that nothing else can change it.
    func publish(_ bits: UInt64) {
        unsafe descriptor.pointee.state.store(bits, ordering: .releasing)
    }

    /// Adds a pin to one that the caller has. Returns false if the count is full.
    func pinAgain() -> Bool {
        var old = state
        while old.pins < BufferState.pinMask {
            assert(old.pins > 0, "the first pin is taken through the mapping")
            if exchange(&old, BufferState(old.bits &+ BufferState.onePin)) { return true }
        }
        return false
    }

    /// Drops a pin. Actions under it happen before the buffer's next use.
    @inline(__always)
    func unpin() {
        let old = unsafe descriptor.pointee.state.wrappingSubtract(
            BufferState.onePin, ordering: .releasing
        ).oldValue
        assert(BufferState(old).pins > 0, "a pin is given back once")
    }

    /// Marks the page as changed. The caller holds the content lock exclusively, or nothing else
    /// knows the page.
    @inline(__always)
    func markDirty() {
        let flags = BufferState.dirty | BufferState.justDirtied
        var old = state
        while old.bits & flags != flags {
            let wasClean = !old.has(BufferState.dirty)
            if exchange(&old, BufferState(old.bits | flags)) {
                if wasClean { withRecord { $0.changes.set() } }
                return
            }
        }
    }

    /// Calls `body` with the relation's record. The caller has a pin.
    func withRecord<Result>(_ body: (RelationRecord) -> Result) -> Result {
        let word = unsafe descriptor.pointee.record.load(ordering: .relaxed)
        guard let pointer = unsafe UnsafeRawPointer(bitPattern: word) else {
            preconditionFailure("a tagged buffer belongs to a relation")
        }
        // The record counts this buffer since it was tagged.
        return unsafe Unmanaged<RelationRecord>.fromOpaque(pointer)._withUnsafeGuaranteedRef(body)
    }
}
