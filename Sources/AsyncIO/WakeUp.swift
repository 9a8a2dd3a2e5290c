internal import Synchronization
internal import Threads

/// A waiter that is notified instead of woken. An awaiting task, or a loop that serves many of
/// them, registers one where a thread would sleep.
///
/// | state | who moves it on | what follows |
/// |---|---|---|
/// | idle | the code that registers it | `registered` |
/// | registered | the thread that completes what it waits for | idle, then ``fire()`` |
/// | registered | ``cancel()`` | cancelled: it will not fire |
/// | cancelled | the thread that completes | idle |
///
/// Each registration ends in exactly one of the two, firing or a successful cancellation. The
/// object is kept alive while it is registered or cancelled. Registering and firing allocate
/// nothing, and one object serves one wait after another. One thread at a time may register it; any
/// thread may cancel or fire it.
open class WakeUp: @unchecked Sendable {
    private static let idle: UInt8 = 0
    private static let registered: UInt8 = 1
    private static let cancelled: UInt8 = 2

    private let state = Atomic<UInt8>(WakeUp.idle)
    /// The neighbour on its list. The thread that adds it to the list touches this and, once the
    /// list was taken, the thread that took it.
    package var next: UInt = 0

    /// Makes one that is not registered.
    public init() {}

    /// Called once per registration, on the thread that completes what is waited for, outside all
    /// locks and completion callbacks. Overrides must be short: they neither block nor run user
    /// code, but only pass on that there is something to do. The call may come early, so the
    /// receiver checks again.
    open func fire() {}

    /// Keeps a registered wake-up from firing. Any thread.
    ///
    /// - Returns: whether it will not fire; false when it was not registered, or has fired or is
    ///   about to.
    public final func cancel() -> Bool {
        state.compareExchange(
            expected: Self.registered, desired: Self.cancelled, ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// Whether it is registered, or cancelled and still on a list; false once it is about to fire.
    package final var isRegistered: Bool { state.load(ordering: .acquiring) != Self.idle }

    /// Begins a registration. The returned address carries a reference that belongs to the list.
    package final func register() -> UInt {
        let (exchanged, _) = state.compareExchange(
            expected: Self.idle, desired: Self.registered, ordering: .acquiringAndReleasing)
        insist(exchanged, "a wake-up is registered once at a time")
        return unsafe UInt(bitPattern: Unmanaged.passRetained(self).toOpaque())
    }

    /// Undoes a registration with a list that refused it.
    package final func unregister() {
        state.store(Self.idle, ordering: .releasing)
        unsafe Unmanaged.passUnretained(self).release()
    }

    /// The wake-up whose address ``register()`` returned.
    static func at(_ address: UInt) -> Unmanaged<WakeUp>? {
        guard let pointer = unsafe UnsafeRawPointer(bitPattern: address) else { return nil }
        return unsafe Unmanaged.fromOpaque(pointer)
    }

    /// Ends a registration. Called by the thread that has taken the wake-up off its list.
    package static func end(_ address: UInt) {
        guard let wakeUp = unsafe at(address)?.takeRetainedValue() else { return }
        wakeUp.end()
    }

    private func end() {
        if state.exchange(Self.idle, ordering: .acquiringAndReleasing) == Self.registered { fire() }
    }
}
