internal import Logging
internal import Synchronization
internal import Threads

/// The asynchronous IO core of one engine: its sessions, their handles, the method that executes
/// them, and the registries of targets and callbacks.
///
/// Any thread may call it. Sessions keep it alive. Mirrors PostgreSQL's `PgAioCtl`; a PostgreSQL
/// server has one, a process here may have any number.
@safe
public final class IOSystem: @unchecked Sendable {
    /// The settings that the system was started with.
    public let configuration: IOConfiguration
    /// How many IOs each session can have in flight.
    public let handlesPerSession: Int
    /// How IO is executed.
    public let method: any IOMethod

    let callbacks = Registry<any IOCallbacks>()
    let targets = Registry<any IOTarget>()
    let logger: Logger
    /// Delays every IO if the configuration has a device model.
    let device: SimulatedDevice?

    /// All handles, session by session. A session's handles are initialised when its number is
    /// first used (``openedSlots``) and live as long as the system.
    let handles: HandlePointer
    /// One per session, and one for waits that belong to none.
    let counters: UnsafeMutablePointer<SessionCounters>
    let blockingCallsInTasks = Atomic<UInt64>(0)
    private let slots: Lock<Slots>
    /// Slots from zero up to here have initialised handles.
    private let openedSlots = Atomic<Int>(0)

    private struct Slots {
        var free: [Int] = []
        var opened = 0
        var isShutDown = false
    }

    /// Starts the core.
    ///
    /// - Throws: `invalidConfiguration` if a setting is outside its range; `methodUnavailable` if
    ///   the chosen method cannot run here, with the reason and a remedy.
    public init(configuration: IOConfiguration = IOConfiguration()) throws(StorageError) {
        try configuration.validate()
        handlesPerSession = try configuration.handlesPerSession()
        self.configuration = configuration
        logger = configuration.logger
        let sessions = configuration.maximumSessions
        let device = configuration.deviceModel.map { SimulatedDevice($0) }
        self.device = device
        method = try configuration.method.makeMethod(
            IOMethodContext(
                maximumSessions: sessions, handlesPerSession: handlesPerSession, logger: logger,
                device: device, hasExecutor: configuration.executor != nil))
        unsafe handles = .allocate(capacity: sessions * handlesPerSession)
        unsafe counters = .allocate(capacity: sessions + 1)
        for slot in 0...sessions {
            unsafe (counters + slot).initialize(to: SessionCounters())
        }
        slots = Lock(Slots(), rank: .sessionSlots)
    }

    deinit {
        shutdown()
        let opened = openedSlots.load(ordering: .acquiring)
        unsafe handles.deinitialize(count: opened * handlesPerSession)
        unsafe handles.deallocate()
        unsafe counters.deinitialize(count: configuration.maximumSessions + 1)
        unsafe counters.deallocate()
    }

    /// How many handles there are in all. Handle numbers are below it.
    public var handleCapacity: Int { configuration.maximumSessions * handlesPerSession }

    /// Registers callbacks, which any handle may use from then on. Any thread.
    ///
    /// - Throws: `resourcesExhausted` if 255 are registered already.
    public func register(callbacks entry: any IOCallbacks) throws(StorageError) -> IOCallbackID {
        guard let id = callbacks.add(entry) else { throw Self.registryFull("callbacks") }
        return IOCallbackID(rawValue: id)
    }

    /// Registers a target, which any handle may use from then on. Any thread.
    ///
    /// - Throws: `resourcesExhausted` if 255 are registered already.
    public func register(target entry: any IOTarget) throws(StorageError) -> IOTargetID {
        guard let id = targets.add(entry) else { throw Self.registryFull("targets") }
        return IOTargetID(rawValue: id)
    }

    func target(_ id: IOTargetID) -> (any IOTarget)? { targets[id.rawValue] }

    private static func registryFull(_ what: String) -> StorageError {
        StorageError(.resourcesExhausted, "255 \(what) are registered, which is the limit")
    }

    /// Opens a session, to be used by one thread at a time.
    ///
    /// - Throws: `resourcesExhausted` if all sessions are open, `closed` after ``shutdown()``, or
    ///   the error of a method that cannot get what it needs.
    public func makeSession() throws(StorageError) -> Session {
        let slot = try takeSlot()
        do throws(StorageError) {
            try method.openSession(slot)
        } catch {
            giveBack(slot)
            throw error
        }
        return Session(system: self, index: slot)
    }

    private func takeSlot() throws(StorageError) -> Int {
        let limit = configuration.maximumSessions
        let taken: Result<Int, StorageError> = slots.withLock { slots in
            if slots.isShutDown {
                return .failure(StorageError(.closed, "the IO system has been shut down"))
            }
            if let slot = slots.free.popLast() { return .success(slot) }
            guard slots.opened < limit else {
                return .failure(
                    StorageError(
                        .resourcesExhausted, "all \(limit) sessions are open",
                        remedy: "Close one, or raise IOConfiguration.maximumSessions."))
            }
            let slot = slots.opened
            initializeHandles(slot)
            slots.opened += 1
            openedSlots.store(slots.opened, ordering: .releasing)
            return .success(slot)
        }
        return try taken.get()
    }

    /// How many sessions are open now. Any thread.
    package var openSessionCount: Int { slots.withLock { $0.opened - $0.free.count } }

    func giveBack(_ slot: Int) { slots.withLock { $0.free.append(slot) } }

    private func initializeHandles(_ slot: Int) {
        for position in 0..<handlesPerSession {
            let index = slot * handlesPerSession + position
            unsafe (handles + index).initialize(
                to: HandleStorage(
                    index: UInt32(index), sessionIndex: UInt32(slot), system: self,
                    vectorCapacity: configuration.maximumVectors))
        }
    }

    /// Ends the method once the last session is closed. Nothing can be opened afterwards.
    ///
    /// Never waits: a session waits for its own IO when it closes, and an open session keeps the
    /// system's method running. Calling it again does nothing. Any thread.
    ///
    /// - Returns: whether the method has ended; false while sessions are open.
    @discardableResult
    public func shutdown() -> Bool {
        let ends = slots.withLock { slots in
            if slots.isShutDown { return false }
            guard slots.free.count == slots.opened else { return false }
            slots.isShutDown = true
            return true
        }
        if ends { method.shutdown() }
        return ends || slots.withLock { $0.isShutDown }
    }

    /// The counters of all sessions and of the method. Each is exact; together they are not of one
    /// instant.
    public var statistics: IOStatistics {
        var total = IOStatistics()
        for slot in 0...configuration.maximumSessions {
            unsafe counters[slot].add(to: &total)
        }
        total.blockingCallsInTasks = blockingCallsInTasks.load(ordering: .relaxed)
        method.addStatistics(to: &total)
        return total
    }

    /// The handles that have ever been in use.
    var initializedHandles: Range<Int> {
        0..<openedSlots.load(ordering: .acquiring) * handlesPerSession
    }
}
