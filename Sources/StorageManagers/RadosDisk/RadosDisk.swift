#if RADOS
    public import AsyncIO
    public import StorageManager
    internal import Threads

    /// Keeps relations as objects of a Ceph cluster, in one namespace of one pool.
    ///
    /// One process at a time writes a namespace. It holds a lock there while it lives, and loses
    /// the lock if it does not answer a process that queries it. From then on every call fails with
    /// `fenced`. Written data is durable on all active replicas once its IO is complete. One object
    /// serves an engine; any thread may make any call.
    public final class RadosDisk: StorageManager {
        struct Callbacks: Sendable {
            let read: IOCallbackID
            let write: IOCallbackID
        }

        private let configuration: RadosConfiguration
        let space: RadosSpace
        /// Whether the connection ends with this manager.
        private let ownsSpace: Bool
        private let callbacks: Callbacks
        private let relations = Lock<[RelationLocator: RadosRelation]>([:], rank: .radosRelations)

        /// Connects, takes the namespace's lock, and registers callbacks with the core.
        ///
        /// Blocks for at most twice the time-out. A process that has the lock and does not answer
        /// within ``RadosConfiguration/livenessSeconds`` loses it.
        ///
        /// - Throws: `invalidConfiguration`, `connectFailed`, `timedOut`; `inUse` if another live
        ///   process has the namespace; `resourcesExhausted` if the core has no callback ids left.
        public convenience init(
            system: IOSystem, configuration: RadosConfiguration,
            access: RadosHome.Access = .readWrite
        ) throws(StorageError) {
            try configuration.validate()
            let space = try RadosSpace(configuration, access, system.configuration.logger)
            do throws(StorageError) {
                try self.init(system, space, ownsSpace: true)
            } catch {
                space.end(inOrder: true)
                throw error
            }
        }

        /// Makes the manager of a store that is in a cluster as a whole. It shares the connection
        /// and the lock, and must be shut down before the home is closed.
        ///
        /// - Throws: `resourcesExhausted` if the core has no callback ids left.
        public convenience init(system: IOSystem, home: RadosHome) throws(StorageError) {
            try self.init(system, home.space, ownsSpace: false)
        }

        private init(_ system: IOSystem, _ space: RadosSpace, ownsSpace: Bool) throws(StorageError)
        {
            configuration = space.cluster.configuration
            let place = configuration.place
            callbacks = Callbacks(
                read: try system.register(callbacks: RadosCallbacks(isRead: true, place: place)),
                write: try system.register(callbacks: RadosCallbacks(isRead: false, place: place)))
            self.space = space
            self.ownsSpace = ownsSpace
        }

        /// The configured name, by default `rados`.
        public var name: String { configuration.managerName }

        /// Page writes are atomic, and proceed beside their submitter.
        public var capabilities: StorageManagerCapabilities {
            StorageManagerCapabilities(pagesCanTear: false, overlapsSubmitter: true)
        }

        /// Whether another process has taken over the namespace. Final.
        public var isFenced: Bool { space.cluster.isFenced }

        /// Finds a relation, or makes the object for it. Does not ask the cluster.
        public func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
            -> any RelationStorage
        {
            relations.withLock { relations in
                if let relation = relations[locator] { return relation }
                let relation = RadosRelation(space, locator, target, callbacks)
                relations[locator] = relation
                return relation
            }
        }

        /// Removes a fork's objects.
        public func unlink(_ locator: RelationLocator, fork: Fork) throws(StorageError) {
            let known = relations.withLock { $0[locator] }
            try (known?[fork] ?? RadosFork(space, locator, fork)).remove()
            if fork == .main {
                relations.withLock { relations in
                    if relations[locator] === known { relations[locator] = nil }
                }
            }
        }

        /// Makes the lengths of all forks durable; pages are durable once written.
        ///
        /// - Throws: the first failure, once all forks were tried. It is not final: the next call
        ///   tries again.
        public func syncPending(_ session: Session) throws(StorageError) {
            session.submitStaged()
            try space.cluster.checkUsable()
            var failure: StorageError?
            for relation in inOrder {
                for fork in Fork.allCases {
                    do throws(StorageError) {
                        try relation[fork].sync()
                    } catch {
                        failure.note(error)
                        // The other forks would each wait as long.
                        if error.code == .timedOut || error.code == .fenced { throw error }
                    }
                }
            }
            if let failure { throw failure }
        }

        /// Whether lengths are not durable yet.
        public var hasPendingSyncs: Bool {
            inOrder.contains { relation in
                Fork.allCases.contains { relation[$0].state.withLock { $0.isDirty } }
            }
        }

        private var inOrder: [RadosRelation] { relations.withLock { Array($0.values) } }

        /// Writes lengths that were not synced. Also releases the namespace and disconnects, unless
        /// a ``RadosHome`` does. Blocks for at most twice the time-out. Call it last, once all IO
        /// is complete.
        public func shutdown() {
            var isInOrder = space.isReadOnly || !space.cluster.isFenced && !space.cluster.hasGivenUp
            for relation in inOrder where isInOrder {
                for fork in Fork.allCases where isInOrder {
                    isInOrder = (try? relation[fork].sync()) != nil
                }
            }
            relations.withLock { $0 = [:] }
            if !isInOrder { space.leaveWork() }
            if ownsSpace { space.end(inOrder: isInOrder) }
        }
    }
#endif
