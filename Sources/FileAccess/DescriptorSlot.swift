internal import Synchronization

/// The place of one virtual file's kernel descriptor: whether one is open, and how many IOs it is
/// lent to.
///
/// All of it is one atomic word, so lending is one increment:
///
/// | bits | meaning |
/// |---|---|
/// | 31 | a kernel descriptor is open |
/// | 30 | the file was closed for good |
/// | 0…29 | how many holders the descriptor has, with those about to find it closed |
///
/// The open bit is set only under ``FileAccess``'s lock. It is cleared under that lock while the
/// descriptor has no holder or, once the file is closed, by the last holder giving it back.
final class DescriptorSlot: @unchecked Sendable {
    static let openBit: UInt32 = 1 << 31
    static let closedBit: UInt32 = 1 << 30
    static let countMask: UInt32 = closedBit - 1

    let path: String
    /// For reopening: these flags never create or empty the file.
    let flags: FileOpenFlags

    private let word = Atomic<UInt32>(0)
    /// Valid for holders of the descriptor: written before the open bit.
    private let descriptor = Atomic<CInt>(-1)
    /// Set on lending, cleared by the passing clock hand. Orders nothing.
    private let wasUsed = Atomic<Bool>(true)

    /// Which file it was when first opened. Guarded by the lock of ``FileAccess``.
    var identity: (device: UInt64, serial: UInt64)?
    /// Position on the clock, while the descriptor is open. Guarded by the lock of ``FileAccess``.
    var clockPosition = -1

    init(path: String, flags: FileOpenFlags) {
        self.path = path
        self.flags = flags
    }

    var isOpen: Bool { word.load(ordering: .acquiring) & Self.openBit != 0 }
    var isClosed: Bool { word.load(ordering: .acquiring) & Self.closedBit != 0 }

    /// The descriptor. Callers must know that it is lent.
    var lentDescriptor: CInt { descriptor.load(ordering: .relaxed) }

    /// Holds the descriptor if one is open and the file is not closed.
    ///
    /// One increment. If this returns nil, the caller must still call ``giveBack()``. Acquires what
    /// ``publish(_:)`` released.
    func hold() -> CInt? {
        let old = word.add(1, ordering: .acquiring).oldValue
        assert(old & Self.countMask != Self.countMask, "fewer than 2^30 lends at a time")
        guard old & (Self.openBit | Self.closedBit) == Self.openBit else { return nil }
        if !wasUsed.load(ordering: .relaxed) { wasUsed.store(true, ordering: .relaxed) }
        return descriptor.load(ordering: .relaxed)
    }

    /// Ends one holding, whether or not ``hold()`` returned a descriptor.
    ///
    /// - Returns: a descriptor that the caller must close, because the file is closed and has no
    ///   other holder. At most one caller gets it.
    func giveBack() -> CInt? {
        let old = word.subtract(1, ordering: .acquiringAndReleasing).oldValue
        assert(old & Self.countMask > 0, "a descriptor is given back once")
        guard old == Self.openBit | Self.closedBit | 1 else { return nil }
        return take(from: Self.openBit | Self.closedBit, to: Self.closedBit)
    }

    /// Stores a freshly opened descriptor and holds it. Call it under the lock, with no descriptor
    /// open.
    func publish(_ number: CInt) {
        descriptor.store(number, ordering: .relaxed)
        wasUsed.store(true, ordering: .relaxed)
        let old = word.add(Self.openBit | 1, ordering: .releasing).oldValue
        precondition(old & Self.openBit == 0, "a file has one kernel descriptor")
    }

    /// Takes out the descriptor unless it has a holder. Call it under the lock.
    func evict() -> CInt? { take(from: Self.openBit, to: 0) }

    /// Closes the file for good, holding its descriptor if one is open. Call it under the lock.
    ///
    /// - Returns: whether this call closed it, and the descriptor now held.
    func close() -> (isFirst: Bool, held: CInt?) {
        let old = word.bitwiseOr(Self.closedBit, ordering: .acquiringAndReleasing).oldValue
        guard old & Self.closedBit == 0 else { return (false, nil) }
        guard old & Self.openBit != 0 else { return (true, nil) }
        // Between the two steps the last holder may have taken it out.
        let seen = word.add(1, ordering: .acquiring).oldValue
        if seen & Self.openBit != 0 { return (true, descriptor.load(ordering: .relaxed)) }
        word.subtract(1, ordering: .releasing)
        return (true, nil)
    }

    /// For the clock hand: whether it was used since the hand last passed. Call it under the lock.
    func passUsed() -> Bool { wasUsed.exchange(false, ordering: .relaxed) }

    private func take(from expected: UInt32, to new: UInt32) -> CInt? {
        let number = descriptor.load(ordering: .relaxed)
        return word.compareExchange(
            expected: expected, desired: new, ordering: .acquiringAndReleasing
        ).exchanged ? number : nil
    }
}
