internal import AsyncIO
internal import Synchronization
internal import Threads

/// The wake-ups that wait for events of buffers: the second kind of waiter, beside threads that
/// sleep on a buffer's descriptor. Both use the same flags of the state.
///
/// One table serves a manager. The thread that clears a buffer's `ioWaiters` or `lockWaiters` wakes
/// the threads and fires the wake-ups for the buffer. Safe to use from any thread; the locks are
/// held briefly and nothing is fired under them.
final class WaitTable: Sendable {
    /// An event to wait for.
    enum Event: UInt8, Sendable {
        /// The IO in progress can be waited for, or has ended.
        case io
        /// The content lock was released.
        case lock
    }

    private struct Entry {
        let buffer: UInt
        let event: Event
        /// The registration from ``WakeUp/register()``.
        let wakeUp: UInt
    }

    /// The threads that asked for pages which came with their content lock, by descriptor. It is
    /// looked at only before a thread sleeps.
    private let lockHolders = Lock<[UInt: UInt]>([:], rank: .pageWaiters)

    private static let partitionCount = 16
    private let partitions: [Partition]

    private final class Partition: Sendable {
        let entries = Lock<[Entry]>([], rank: .pageWaiters)
    }

    init() {
        partitions = (0..<Self.partitionCount).map { _ in Partition() }
    }

    /// Records that the calling thread asked for a page with its lock, or that it is released.
    func noteHolder(of buffer: Buffer, _ isHeld: Bool) {
        let address = unsafe UInt(bitPattern: buffer.descriptor)
        let thread = isHeld ? OSThread.currentNumber : nil
        lockHolders.withLock { $0[address] = thread }
    }

    /// Whether the calling thread asked for the page with its lock, which is not released yet.
    func isHeldHere(_ buffer: Buffer) -> Bool {
        let address = unsafe UInt(bitPattern: buffer.descriptor)
        return lockHolders.withLock { $0[address] } == OSThread.currentNumber
    }

    private func partition(_ buffer: Buffer) -> (Partition, UInt) {
        let address = unsafe UInt(bitPattern: buffer.descriptor)
        return (
            partitions[Int(address / UInt(BufferDescriptor.lineSize)) % Self.partitionCount],
            address
        )
    }

    /// Adds a wake-up. Call this before setting the flag that makes the firing thread look here.
    func add(_ wakeUp: WakeUp, for event: Event, of buffer: Buffer) -> UInt {
        let (partition, address) = partition(buffer)
        // The table is the same for all waiters, and it outlives the pool.
        unsafe buffer.descriptor.pointee.waitTable.store(
            UInt(bitPattern: Unmanaged.passUnretained(self).toOpaque()), ordering: .releasing)
        let entry = Entry(buffer: address, event: event, wakeUp: wakeUp.register())
        partition.entries.withLock { $0.append(entry) }
        return entry.wakeUp
    }

    /// Removes a wake-up that need not wait. Returns false if it has fired or is about to.
    func remove(_ wakeUp: WakeUp, _ registration: UInt, of buffer: Buffer) -> Bool {
        let (partition, _) = partition(buffer)
        let removed = partition.entries.withLock { entries in
            guard let position = entries.firstIndex(where: { $0.wakeUp == registration }) else {
                return false
            }
            entries.remove(at: position)
            return true
        }
        if removed { wakeUp.unregister() }
        return removed
    }

    /// Fires all wake-ups for the event, in the order in which they were added.
    func fire(_ event: Event, of buffer: Buffer) {
        let (partition, address) = partition(buffer)
        var taken: [UInt] = []
        partition.entries.withLock { entries in
            guard entries.contains(where: { $0.buffer == address && $0.event == event }) else {
                return
            }
            entries.removeAll { entry in
                guard entry.buffer == address && entry.event == event else { return false }
                taken.append(entry.wakeUp)
                return true
            }
        }
        for wakeUp in taken { WakeUp.end(wakeUp) }
    }
}

extension Buffer {
    /// Fires the wake-ups for an event. Call this after finding its flag set and clearing it.
    func fireWakeUps(_ event: WaitTable.Event) {
        let word = unsafe descriptor.pointee.waitTable.load(ordering: .acquiring)
        guard let table = unsafe UnsafeRawPointer(bitPattern: word) else { return }
        unsafe Unmanaged<WaitTable>.fromOpaque(table)._withUnsafeGuaranteedRef {
            $0.fire(event, of: self)
        }
    }

    /// Registers a wake-up for when the IO in progress can be waited for, or has ended. The caller
    /// has a pin.
    ///
    /// - Returns: false, with nothing registered, if that is so already.
    func registerForIO(_ wakeUp: WakeUp, in table: WaitTable) -> Bool {
        let registration = table.add(wakeUp, for: .io, of: self)
        var old = state
        repeat {
            guard old.has(BufferState.ioInProgress), waitReference == nil else {
                return !table.remove(wakeUp, registration, of: self)
            }
        } while !exchange(&old, BufferState(old.bits | BufferState.ioWaiters))
        // If it has become waitable since, that may have happened before the flag could be seen.
        if waitReference == nil { return true }
        return !table.remove(wakeUp, registration, of: self)
    }

    /// Registers a wake-up for when the content lock is released. The caller has a pin.
    ///
    /// - Returns: false, with nothing registered, if it is free.
    func registerForLock(_ wakeUp: WakeUp, exclusive: Bool, in table: WaitTable) -> Bool {
        let registration = table.add(wakeUp, for: .lock, of: self)
        let mask =
            BufferState.exclusive | (exclusive ? BufferState.shareMask : BufferState.lockWaiters)
        var old = state
        repeat {
            guard old.has(mask) else { return !table.remove(wakeUp, registration, of: self) }
        } while !exchange(&old, BufferState(old.bits | BufferState.lockWaiters))
        return true
    }
}
