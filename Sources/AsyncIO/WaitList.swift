internal import CPlatform
internal import Synchronization

/// The waiters of one IO, threads and wake-ups: a lock-free stack that belongs to one generation of
/// a handle.
///
/// The head holds the generation beside the pointer. A late waiter can therefore never join the
/// list of the handle's next IO, and the completer never closes the next IO's list.
struct WaitList: ~Copyable {
    /// What the head's second word says: no waiter, or no waiter any more.
    private static let empty: UInt = 0
    private static let closed: UInt = 1
    /// This bit tells the address of a ``WakeUp`` from that of a thread's node. Both are aligned to
    /// more than this bit.
    private static let wakeUpBit: UInt = 2

    private let head = Atomic<WordPair>(WordPair(first: 1, second: WaitList.empty))

    /// One waiting thread, on its stack. The thread must not leave before ``signal`` is set. The
    /// signal comes first because the kernel sleeps on the node's own address.
    private struct Node: ~Copyable {
        let signal = Atomic<UInt32>(0)
        var next: UInt = WaitList.empty
    }

    /// Sleeps until the IO of `generation` completes or ``wakeAll(generation:)`` is called. Returns
    /// at once if the IO has completed.
    ///
    /// - Parameter help: called before the thread would sleep, when others can already see that it
    ///   waits. Returns true if it advanced the completion instead.
    func wait(generation: UInt64, help: () -> Bool) {
        var node = Node()
        unsafe withUnsafeMutablePointer(to: &node) { node in
            var current = head.load(ordering: .acquiring)
            while true {
                if current.first != UInt(generation) || current.second == Self.closed { return }
                unsafe node.pointee.next = current.second
                let mine = WordPair(first: current.first, second: UInt(bitPattern: node))
                let (exchanged, original) = head.compareExchange(
                    expected: current, desired: mine, ordering: .acquiringAndReleasing)
                if exchanged { break }
                current = original
            }
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            while unsafe node.pointee.signal.load(ordering: .acquiring) == 0 {
                if help() { continue }
                _ = unsafe strata_futex_wait(UnsafeRawPointer(node), 0, -1)
            }
        }
    }

    /// Adds a wake-up, to be fired when the IO of `generation` completes or
    /// ``wakeAll(generation:)`` is called. Returns false, with nothing done, if the IO has
    /// completed.
    func add(_ wakeUp: WakeUp, generation: UInt64) -> Bool {
        let entry = wakeUp.register() | Self.wakeUpBit
        var current = head.load(ordering: .acquiring)
        while true {
            if current.first != UInt(generation) || current.second == Self.closed {
                wakeUp.unregister()
                return false
            }
            wakeUp.next = current.second
            let (exchanged, original) = head.compareExchange(
                expected: current, desired: WordPair(first: current.first, second: entry),
                ordering: .acquiringAndReleasing)
            if exchanged { return true }
            current = original
        }
    }

    /// Wakes all waiters and admits no more for that generation. Called by the completer or the
    /// owner that reclaims, whichever comes first.
    func close(generation: UInt64) {
        var current = head.load(ordering: .acquiring)
        while true {
            if current.first != UInt(generation) || current.second == Self.closed { return }
            let (exchanged, original) = head.compareExchange(
                expected: current,
                desired: WordPair(first: current.first, second: Self.closed),
                ordering: .acquiringAndReleasing)
            if exchanged { break }
            current = original
        }
        Self.wakeAll(current.second)
    }

    /// Makes all waiters look again. Call it after a state change that waiters act on. The caller's
    /// sequentially consistent fence between the change and this call pairs with the waiter's:
    /// either the waiter sees the state, or this call sees the waiter.
    func wakeAll(generation: UInt64) {
        var current = head.load(ordering: .acquiring)
        while current.second != Self.empty, current.second != Self.closed,
            current.first == UInt(generation)
        {
            let (exchanged, original) = head.compareExchange(
                expected: current, desired: WordPair(first: current.first, second: Self.empty),
                ordering: .acquiringAndReleasing)
            if exchanged { return Self.wakeAll(current.second) }
            current = original
        }
    }

    /// Opens the list for the handle's next IO.
    func reopen(generation: UInt64) {
        let old = head.exchange(
            WordPair(first: UInt(generation), second: Self.empty),
            ordering: .acquiringAndReleasing)
        if old.second != Self.closed { Self.wakeAll(old.second) }
    }

    private static func wakeAll(_ first: UInt) {
        var next = first
        while next != empty {
            if next & wakeUpBit != 0 {
                let address = next & ~wakeUpBit
                guard let wakeUp = unsafe WakeUp.at(address) else { return }
                // The wake-up may be on another list as soon as it has fired.
                next = unsafe wakeUp._withUnsafeGuaranteedRef { $0.next }
                WakeUp.end(address)
                continue
            }
            guard let node = unsafe UnsafeMutablePointer<Node>(bitPattern: next) else { return }
            // The node is gone as soon as the signal is set.
            next = unsafe node.pointee.next
            unsafe node.pointee.signal.store(1, ordering: .releasing)
            unsafe strata_futex_wake(UnsafeRawPointer(node), 1)
        }
    }
}
