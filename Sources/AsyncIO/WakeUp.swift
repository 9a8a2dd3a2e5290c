internal import Synchronization

/// A waiter that is told instead of being woken: what an awaiting task, or the loop of a thread
/// that serves many of them, leaves behind where a thread would sleep.
///
/// | state | who moves it on | what follows |
/// |---|---|---|
/// | idle | whoever registers it | `registered` |
/// | registered | whoever completes what it waits for | idle, then ``fire()`` |
/// | registered | ``cancel()`` | cancelled: it will not fire |
/// | cancelled | whoever completes | idle |
///
/// So each registration ends in exactly one of the two, firing or a successful cancellation. The
/// object is kept alive while it is registered or cancelled. It allocates nothing when it is
/// registered or fires, and serves one wait after another. Registering is for one thread at a time;
/// cancelling and firing may come from any.
open class WakeUp: @unchecked Sendable {
    private static let idle: UInt8 = 0
    private static let registered: UInt8 = 1
    private static let cancelled: UInt8 = 2

    private let state = Atomic<UInt8>(WakeUp.idle)
    /// The neighbour on the list that this is on; touched by whoever puts it there and, once the
    /// list was taken, by who took it.
    package var next: UInt = 0

    /// Makes one that is not registered.
    public init() {}

    /// Called once a registration, on whatever thread completes what is waited for, outside all
    /// locks and completion callbacks. Must be short: it neither blocks nor runs a user's code, but
    /// hands on that there is something to do. What is waited for need not be over; look again.
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

    /// Whether it is registered, or cancelled and not yet let go of; false once it is about to
    /// fire.
    package final var isRegistered: Bool { state.load(ordering: .acquiring) != Self.idle }

    /// Takes the way to a list, with a reference that belongs to the list.
    package final func register() -> UInt {
        let (exchanged, _) = state.compareExchange(
            expected: Self.idle, desired: Self.registered, ordering: .acquiringAndReleasing)
        precondition(exchanged, "a wake-up is registered once at a time")
        return unsafe UInt(bitPattern: Unmanaged.passRetained(self).toOpaque())
    }

    /// Comes back from a list that it could not be put on.
    package final func unregister() {
        state.store(Self.idle, ordering: .releasing)
        unsafe Unmanaged.passUnretained(self).release()
    }

    /// The wake-up that ``register()`` gave the address of.
    static func at(_ address: UInt) -> Unmanaged<WakeUp>? {
        guard let pointer = unsafe UnsafeRawPointer(bitPattern: address) else { return nil }
        return unsafe Unmanaged.fromOpaque(pointer)
    }

    /// Ends a registration, by whoever has taken the wake-up off its list.
    package static func end(_ address: UInt) {
        guard let wakeUp = unsafe at(address)?.takeRetainedValue() else { return }
        wakeUp.end()
    }

    private func end() {
        if state.exchange(Self.idle, ordering: .acquiringAndReleasing) == Self.registered { fire() }
    }
}
