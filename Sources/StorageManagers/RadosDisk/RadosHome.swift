#if RADOS
    public import AsyncIO
    public import FileAccess
    public import Logging
    internal import StorageManager
    internal import Threads

    /// The files of a store that is in a cluster as a whole: its control file, its catalog and its
    /// mark, in one namespace with its relations.
    ///
    /// Give it to the engine as its file system, and make the engine's ``RadosDisk`` with it. It
    /// holds the namespace's lock from its making to ``end()``. Names change in memory, and
    /// become durable together when a directory is synced, in one operation; contents when their
    /// file is synced. Files of relations cannot be made here: relations belong to the manager.
    ///
    /// Any thread. A call that must ask the cluster blocks for at most the time-out.
    public final class RadosHome: FileSystem {
        /// What may be done with a namespace.
        public enum Access: Sendable, Hashable {
            /// Anything, by one process at a time.
            case readWrite
            /// Looking. Nothing is written to the cluster, and no lock is taken: what a writer
            /// does afterwards may make reading fail.
            case readOnly
        }

        let space: RadosSpace
        let state: Lock<State>

        struct State {
            var names: [String: HomeFile] = [:]
            /// Objects that no name stands for any more.
            var gone: Set<UInt64> = []
            /// What the cluster's index is known to hold; nil if that is unknown.
            var durable: HomeIndex?
            var handles: [CInt: Handle] = [:]
            var hasEnded = false
            var lastDescriptor = RadosHome.firstDescriptor

            var index: HomeIndex {
                var index = HomeIndex()
                index.files = names.mapValues { $0.number }
                index.gone = gone
                return index
            }

            mutating func open(_ handle: Handle) -> CInt {
                lastDescriptor += 1
                handles[lastDescriptor] = handle
                return lastDescriptor
            }
        }

        enum Handle {
            case file(HomeFile, isWritable: Bool)
            case directory(String)
        }

        /// No kernel descriptor is that high, so none is ever taken for another's.
        private static let firstDescriptor: CInt = 1 << 30

        /// Connects, takes the namespace's lock, and reads the names of the store's files.
        ///
        /// Blocks for at most twice the time-out.
        ///
        /// - Throws: `invalidConfiguration`, `connectFailed`, `timedOut`, `damagedObject`; `inUse`
        ///   if another live process has the namespace for writing.
        public init(
            _ configuration: RadosConfiguration, access: Access, logger: Logger
        ) throws(StorageError) {
            try configuration.validate()
            space = try RadosSpace(configuration, access, logger)
            do throws(StorageError) {
                state = Lock(try Self.readState(space), rank: .radosHome)
            } catch {
                space.end(inOrder: false)
                throw error
            }
        }

        /// `pool/namespace`.
        public var place: String { space.cluster.configuration.place }

        /// Whether another process has taken over the namespace. Final.
        public var isFenced: Bool { space.cluster.isFenced }

        /// Releases the namespace and disconnects. An engine that was opened does it when it is
        /// closed; calling it again does nothing.
        public func end() {
            let isFirst = state.withLock { state in
                defer { state.hasEnded = true }
                return !state.hasEnded
            }
            if isFirst { space.end(inOrder: true) }
        }

        private static func readState(_ space: RadosSpace) throws(StorageError) -> State {
            let result = space.isReadOnly ? 0 : fence(space)
            let (bytes, found) = space.cluster.contents(of: HomeIndex.object)
            guard result == 0, found == 0 || found == -ENOENT else {
                throw failure(space, result == 0 ? found : result)
            }
            var state = State()
            if bytes.isEmpty { return state }
            guard let index = HomeIndex(bytes) else {
                throw StorageError(
                    .damagedObject,
                    "the list of the store's files in \(space.cluster.configuration.place) is"
                        + " damaged",
                    remedy: "Restore the object from a copy of the pool.",
                    at: location(space))
            }
            state.names = index.files.mapValues { HomeFile($0, isLoaded: false) }
            state.gone = index.gone
            state.durable = index
            return state
        }

        /// From here on, no earlier process can change the store's files.
        private static func fence(_ space: RadosSpace) -> CInt {
            func put(_ object: String, _ mayBeMade: Bool) -> CInt {
                let operation = WriteOperation()
                operation.requireNoLaterEpoch(space.epoch)
                operation.setEpoch(space.epoch)
                let result = operation.run(on: object, space.cluster)
                guard result == -ENOENT else { return result }
                if !mayBeMade { return 0 }
                let first = WriteOperation()
                first.createExclusively()
                first.setEpoch(space.epoch)
                return first.run(on: object, space.cluster)
            }
            let result = put(HomeIndex.object, true)
            if result < 0 { return result }
            let (bytes, found) = space.cluster.contents(of: HomeIndex.object)
            guard found == 0, let index = HomeIndex(bytes) else { return found }
            for number in index.files.values {
                let result = put(HomeFile(number, isLoaded: false).object, false)
                if result < 0 { return result }
            }
            return 0
        }

        private static func location(_ space: RadosSpace) -> StorageError.Location {
            StorageError.Location(path: "\(space.cluster.configuration.place):\(HomeIndex.object)")
        }

        private static func failure(_ space: RadosSpace, _ result: CInt) -> StorageError {
            .rados(
                .connectFailed,
                "the store's files in \(space.cluster.configuration.place) could not be read",
                result, at: location(space))
        }

        /// Makes the names durable, and removes objects that nothing stands for any more.
        func syncNames(_ state: inout State) -> CInt {
            let index = state.index
            if state.durable == index { return 0 }
            // A write that failed may still arrive, before the next one.
            state.durable = nil
            let operation = WriteOperation()
            operation.requireEpoch(space.epoch)
            let bytes = index.bytes
            unsafe bytes.withUnsafeBytes { bytes in unsafe operation.replace(bytes) }
            let result = operation.run(on: HomeIndex.object, space.cluster, evenIfFull: true)
            if result < 0 { return result }
            state.durable = index
            for number in index.gone {
                let operation = WriteOperation()
                operation.requireNoLaterEpoch(space.epoch)
                operation.remove()
                let result = operation.run(
                    on: HomeFile(number, isLoaded: false).object, space.cluster)
                // What is not removed stays in the index, for the next attempt.
                if result == 0 || result == -ENOENT { state.gone.remove(number) }
            }
            return 0
        }
    }
#endif
