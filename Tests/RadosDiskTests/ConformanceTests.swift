#if RADOS
    import AsyncIO
    import FileAccess
    import StorageManager
    import StorageTesting
    import Testing
    import Threads

    @testable import RadosDisk

    @Suite("Relations in a RADOS cluster", .enabled(if: TestCluster.isThere, TestCluster.reason))
    struct RadosConformanceTests {
        @Test("conform to the protocol of storage managers", arguments: IOMethodMatrix.all)
        func conforms(method: TestedMethod) {
            // If the suite makes a manager over the same directory again, it gets the same
            // namespace.
            let namespaces = Lock<[String: RadosConfiguration]>([:], rank: .observer)
            let suite = StorageManagerConformance { surroundings throws(StorageError) in
                let configuration = namespaces.withLock { namespaces in
                    let key = surroundings.files.directory
                    if let known = namespaces[key] { return known }
                    let new = TestCluster.configuration()
                    namespaces[key] = new
                    return new
                }
                return try RadosDisk(system: surroundings.system, configuration: configuration)
            }
            #expect(suite.violations(under: method).map(\.description) == [])
        }
    }
#endif
