#if RADOS
    internal import AsyncIO
    internal import FileAccess
    internal import StorageManager
    internal import Threads

    /// One fork of a relation: a row of objects, and a header object that records its length.
    ///
    /// Any thread. ``state`` is held only briefly, so that IO can read it. Changes of the header
    /// hold ``changing`` across cluster operations. The state in memory runs ahead of the header;
    /// see ``ForkHeader`` for what a header promises.
    final class RadosFork: Sendable {
        let space: RadosSpace
        let locator: RelationLocator
        let fork: Fork
        /// The prefix of all the fork's objects' names.
        private let prefix: String
        let changing = ParkingLock(rank: .radosForkChange)
        let state = Lock(State(), rank: .radosForkState)

        struct State {
            /// Whether the header object was read.
            var isLoaded = false
            /// What the header object holds, or is about to; nil if the fork does not exist.
            var header: ForkHeader?
            /// How many blocks there are.
            var count: UInt32 = 0
            /// How many objects exist.
            var objects = 0
            /// Whether the header object must be written to make the length durable.
            var isDirty = false

            /// Records that everything objects may hold behind the last block must be cleared
            /// before the fork grows again.
            mutating func cutBehindCount() {
                guard let old = header?.cutEnd else { return }
                header?.cutEnd = max(old, ObjectGeometry.blocks(of: objects))
            }
        }

        init(_ space: RadosSpace, _ locator: RelationLocator, _ fork: Fork) {
            self.space = space
            self.locator = locator
            self.fork = fork
            let session = locator.isLocal ? ".t\(locator.localSession)" : ""
            prefix = "\(locator.database).\(locator.number)\(session).\(fork.name)"
        }

        // MARK: Names

        var headerName: String { "\(prefix).head" }

        func objectName(_ object: Int, of incarnation: UInt64) -> String {
            "\(prefix).\(Epoch(incarnation).text).\(object)"
        }

        func location(_ block: UInt32? = nil, object: String? = nil) -> StorageError.Location {
            StorageError.Location(
                relation: locator.description, fork: fork.name, block: block,
                path: object.map { "\(space.cluster.configuration.place):\($0)" })
        }

        func failure(
            _ code: StorageError.Code, _ what: String, _ result: CInt, object: String
        ) -> StorageError {
            .rados(
                code, "could not \(what) relation \(locator)\(fork.suffix)", result,
                at: location(object: object))
        }

        /// - Throws: `storeReadOnly` for a reader.
        func checkWritable(_ action: String) throws(StorageError) {
            if !space.isReadOnly { return }
            throw StorageError(
                .storeReadOnly,
                "could not \(action) relation \(locator)\(fork.suffix): the store is open for"
                    + " reading only",
                remedy: "Open the store for reading and writing.", at: location())
        }

        var missing: StorageError {
            StorageError(
                .notFound,
                "relation \(locator)\(fork.suffix) does not exist in"
                    + " \(space.cluster.configuration.place)",
                remedy: "Create it first.", at: location(object: headerName))
        }

        // MARK: Looking

        /// Calls `body` with the state, once the header object was read.
        func loaded<Result: Sendable>(_ body: (inout State) -> Result) throws(StorageError)
            -> Result
        {
            if let result = state.withLock({ $0.isLoaded ? body(&$0) : nil }) { return result }
            try changing.withLock { () throws(StorageError) in
                if state.withLock({ !$0.isLoaded }) { try load() }
            }
            return state.withLock { body(&$0) }
        }

        var exists: Bool {
            get throws(StorageError) { try loaded { $0.header != nil } }
        }

        /// How many blocks there are.
        ///
        /// - Throws: `notFound` if the fork does not exist.
        func count() throws(StorageError) -> UInt32 {
            guard let count = try loaded({ $0.header == nil ? nil : $0.count }) else {
                throw missing
            }
            return count
        }

        /// Where a block is, and how many blocks follow from it on, including itself.
        struct Place: Sendable {
            var object: String
            var incarnation: UInt64
            var offset: Int
            var following: Int
        }

        /// - Throws: `notFound` if the fork does not exist.
        func place(of block: BlockNumber) throws(StorageError) -> Place {
            let found = try loaded { state in
                state.header.map { (incarnation: $0.incarnation, count: state.count) }
            }
            guard let found else { throw missing }
            return Place(
                object: objectName(
                    ObjectGeometry.object(block.rawValue), of: found.incarnation),
                incarnation: found.incarnation, offset: ObjectGeometry.offset(block.rawValue),
                following: max(0, Int(found.count) - Int(block.rawValue)))
        }

        // MARK: The header object

        /// Replaces the header, in this process's epoch.
        func write(_ header: ForkHeader) -> CInt {
            let operation = WriteOperation()
            operation.requireEpoch(space.epoch)
            let bytes = header.bytes
            unsafe bytes.withUnsafeBytes { bytes in unsafe operation.replace(bytes) }
            return operation.run(on: headerName, space.cluster)
        }

        func readHeader() throws(StorageError) -> ForkHeader {
            var bytes = [UInt8](repeating: 0, count: ForkHeader.byteCount)
            let result = unsafe bytes.withUnsafeMutableBytes { bytes in
                unsafe space.cluster.read(headerName, at: 0, into: bytes)
            }
            guard result >= 0 else {
                throw failure(.readFailed, "open", result, object: headerName)
            }
            guard Int(result) == ForkHeader.byteCount, let header = ForkHeader(bytes) else {
                throw StorageError(
                    .damagedObject,
                    "the header object of relation \(locator)\(fork.suffix) is damaged",
                    remedy: "Restore the relation from a backup.",
                    at: location(object: headerName))
            }
            return header
        }
    }
#endif
