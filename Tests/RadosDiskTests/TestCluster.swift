#if RADOS
    import AsyncIO
    import CRados
    import Foundation
    import StorageManager
    import StorageTesting
    import Testing

    @testable import RadosDisk

    /// The cluster for the tests: the one that `STRATA_RADOS_CONF` names, which `.ci/rados` starts.
    enum TestCluster {
        static let configurationPath = ProcessInfo.processInfo.environment["STRATA_RADOS_CONF"]
        static let pool = ProcessInfo.processInfo.environment["STRATA_RADOS_POOL"] ?? "strata"

        static var isThere: Bool { configurationPath != nil }
        static let reason: Comment =
            "STRATA_RADOS_CONF names no cluster; .ci/rados starts one and runs these tests"

        /// Lets settings without a configuration find the cluster.
        static func setEnvironment() { setenv("CEPH_CONF", configurationPath ?? "", 1) }

        /// Settings for a namespace that nothing else uses.
        static func configuration() -> RadosConfiguration {
            var configuration = RadosConfiguration(
                pool: pool, namespace: "test-\(UUID().uuidString)")
            configuration.configurationPath = configurationPath
            configuration.livenessSeconds = 2
            return configuration
        }
    }

    /// A manager and all it needs.
    final class RadosBench: @unchecked Sendable {
        static let id = StorageManagerID(rawValue: 9)
        static let locator = RelationLocator(database: 1, number: 16384)

        let system: IOSystem
        let session: Session
        let disk: RadosDisk
        let registry: StorageManagerRegistry

        init(
            _ configuration: RadosConfiguration,
            _ method: TestedMethod = TestedMethod(.synchronous)
        ) throws {
            system = try method.makeSystem()
            session = try system.makeSession()
            disk = try RadosDisk(system: system, configuration: configuration)
            registry = try StorageManagerRegistry(system: system)
            try registry.register(disk, id: Self.id)
        }

        var storage: any RelationStorage {
            get throws {
                try registry.open(Self.locator, managedBy: Self.id).storage
            }
        }

        var fork: RadosFork {
            get throws { try #require(try storage as? RadosRelation)[.main] }
        }

        var cluster: RadosCluster { disk.space.cluster }

        func end() {
            registry.shutdown(session: session)
            session.close()
        }

        /// Stops answering, like a process that died: the next writer takes over.
        func fallSilent() { disk.space.lock?.answers.stop() }

        /// The names of all objects in the namespace, sorted.
        func objects() -> [String] {
            var list: rados_list_ctx_t?
            guard rados_nobjects_list_open(cluster.context, &list) == 0 else { return [] }
            defer { rados_nobjects_list_close(list) }
            var names: [String] = []
            var name: UnsafePointer<CChar>?
            while rados_nobjects_list_next(list, &name, nil, nil) == 0, let name {
                names.append(String(cString: name))
            }
            return names.sorted()
        }

        func write(_ block: UInt32, _ count: Int, value: UInt32) throws {
            let pages = PageMemory(count, apart: true)
            pages.fillAll(from: value)
            try storage.write(
                .main, block: BlockNumber(block), from: pages.addresses.span, sync: .register)
        }

        func holds(_ block: UInt32, _ count: Int, value: UInt32) throws -> Bool {
            let pages = PageMemory(count)
            try storage.read(.main, block: BlockNumber(block), into: pages.addresses.span)
            return pages.holdsAll(from: value)
        }

        func isZero(_ block: UInt32, _ count: Int) throws -> Bool {
            let pages = PageMemory(count)
            try storage.read(.main, block: BlockNumber(block), into: pages.addresses.span)
            return (0..<count).allSatisfy { pages.isZero($0) }
        }

        /// Starts one IO and waits for it.
        func run(_ operation: IOOperation, _ block: UInt32, _ pages: PageMemory) throws {
            let outcome = IOReturn()
            let handle = try session.acquireHandle(reporting: outcome)
            let reference = handle.waitReference
            let (addresses, number) = (pages.addresses, BlockNumber(block))
            if operation == .read {
                try storage.startRead(handle, .main, block: number, into: addresses.span)
            } else {
                try storage.startWrite(
                    handle, .main, block: number, from: addresses.span, sync: .register)
            }
            try session.wait(for: reference)
            try system.check(outcome)
        }
    }

    func expectCode(_ code: StorageError.Code, _ body: () throws -> Void) {
        let error = #expect(throws: StorageError.self) { try body() }
        #expect(error?.code == code, "\(error.map { "\($0)" } ?? "nothing was thrown")")
    }
#endif
