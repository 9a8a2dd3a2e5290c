#if RADOS
    public import AsyncIO
    public import StorageManager
    internal import Threads

    /// Keeps relations as objects of a Ceph cluster, in one namespace of one pool.
    ///
    /// One process at a time writes a namespace. It holds a lock there while it lives, and loses it
    /// when it does not answer a process that asks for it; from then on every call fails with
    /// `fenced`. What was written is durable, on all replicas that the cluster has active, when its
    /// IO is complete. One object serves an engine; all calls may come from any thread.
    public final class RadosDisk: StorageManager {
        struct Callbacks: Sendable {
            let read: IOCallbackID
            let write: IOCallbackID
        }

        private let configuration: RadosConfiguration
        let space: RadosSpace
        private let callbacks: Callbacks
        private let relations = Lock<[RelationLocator: RadosRelation]>([:])

        /// Connects, takes the namespace's lock, and registers callbacks with the core.
        ///
        /// Blocks, at most for twice the time-out. A process that has the lock and does not answer
        /// within ``RadosConfiguration/livenessSeconds`` loses it.
        ///
        /// - Throws: `invalidConfiguration`, `connectFailed`, `timedOut`, or `inUse` while another
        ///   process that is alive has the namespace; `resourcesExhausted` when the core has no
        ///   callback ids left.
        public init(system: IOSystem, configuration: RadosConfiguration) throws(StorageError) {
            try configuration.validate()
            self.configuration = configuration
            let place = configuration.place
            callbacks = Callbacks(
                read: try system.register(callbacks: RadosCallbacks(isRead: true, place: place)),
                write: try system.register(callbacks: RadosCallbacks(isRead: false, place: place)))
            space = try RadosSpace(configuration, system.configuration.logger)
        }

        /// The configuration's, `rados` unless told otherwise.
        public var name: String { configuration.managerName }

        /// Writes of pages are whole or not at all, and go on beside their submitter.
        public var capabilities: StorageManagerCapabilities {
            StorageManagerCapabilities(pagesCanTear: false, overlapsSubmitter: true)
        }

        /// Whether another process has taken the namespace over. Final.
        public var isFenced: Bool { space.cluster.isFenced }

        /// Finds a relation, or makes the object for it. Asks the cluster for nothing.
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

        /// Makes the lengths of all forks last; pages do so when they are written.
        ///
        /// - Throws: the first failure, once all were asked. It is not final: the next call tries
        ///   again.
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
                        // The rest would wait as long, each.
                        if error.code == .timedOut || error.code == .fenced { throw error }
                    }
                }
            }
            if let failure { throw failure }
        }

        private var inOrder: [RadosRelation] { relations.withLock { Array($0.values) } }

        /// Writes lengths that were not synced, gives the namespace back, and disconnects. Blocks,
        /// at most for twice the time-out. All IO is complete, and no call follows.
        public func shutdown() {
            var isInOrder = !space.cluster.isFenced && !space.cluster.hasGivenUp
            for relation in inOrder where isInOrder {
                for fork in Fork.allCases where isInOrder {
                    isInOrder = (try? relation[fork].sync()) != nil
                }
            }
            relations.withLock { $0 = [:] }
            space.end(inOrder: isInOrder)
        }
    }
#endif
