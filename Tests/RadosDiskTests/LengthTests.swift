#if RADOS
    import AsyncIO
    import StorageManager
    import StorageTesting
    import Testing

    @testable import RadosDisk

    @Suite("The length of a fork", .enabled(if: TestCluster.isThere, TestCluster.reason))
    struct LengthTests {
        /// A new namespace, with a relation of that many blocks.
        private func make(_ blocks: Int) throws -> (RadosConfiguration, RadosBench) {
            let configuration = TestCluster.configuration()
            let bench = try RadosBench(configuration)
            try bench.storage.create(.main, ifMissing: false)
            try bench.storage.zeroExtend(.main, from: 0, count: blocks, sync: .register)
            return (configuration, bench)
        }

        @Test func blocksOfManyObjectsComeAndGo() throws {
            try TestThreads.run {
                let (configuration, bench) = try make(1600)
                try bench.write(500, 30, value: 500)
                try bench.write(1530, 10, value: 1530)
                #expect(try bench.holds(500, 30, value: 500))
                #expect(try bench.isZero(530, 100))
                try bench.storage.truncate(.main, to: 515, session: bench.session)
                try bench.storage.zeroExtend(.main, from: 515, count: 1085, sync: .register)
                #expect(try bench.holds(500, 15, value: 500))
                #expect(try bench.isZero(515, 20) && bench.isZero(1530, 10))
                try bench.disk.syncPending(bench.session)
                bench.end()
                let again = try RadosBench(configuration)
                #expect(try again.storage.blockCount(.main) == 1600)
                #expect(try again.holds(500, 15, value: 500))
                again.end()
            }
        }

        /// Written pages survive without a sync; blocks that were only added may not.
        @Test func aDeadWritersPagesAreFound() throws {
            try TestThreads.run {
                let (configuration, first) = try make(10)
                try first.disk.syncPending(first.session)
                try first.storage.zeroExtend(.main, from: 10, count: 2000, sync: .register)
                try first.write(1200, 4, value: 7)
                first.fallSilent()
                let second = try RadosBench(configuration)
                #expect(try second.storage.blockCount(.main) == 1204)
                #expect(try second.holds(1200, 4, value: 7))
                #expect(try second.isZero(10, 100))
                try second.storage.zeroExtend(.main, from: 1204, count: 900, sync: .register)
                #expect(try second.isZero(1204, 100) && second.isZero(2000, 104))
                second.end()
                first.end()
            }
        }

        /// The next writer finishes a cut, however far it came.
        @Test(arguments: [0, 1, 2])
        func aCutThatWasBegunIsFinished(progress: Int) throws {
            try TestThreads.run {
                let (configuration, first) = try make(1500)
                try first.write(600, 10, value: 600)
                try first.write(1400, 10, value: 1400)
                try first.disk.syncPending(first.session)
                let fork = try first.fork
                var header = try fork.readHeader()
                header.exactCount = 605
                header.reservedCount = 1024
                header.cutEnd = 1536
                #expect(fork.write(header) == 0)
                if progress > 0 {
                    let gone = WriteOperation()
                    gone.remove()
                    let object = fork.objectName(2, of: header.incarnation)
                    #expect(gone.run(on: object, first.cluster) == 0)
                }
                if progress > 1 {
                    let partly = WriteOperation()
                    partly.truncate(to: 93 * blockSize)
                    let object = fork.objectName(1, of: header.incarnation)
                    #expect(partly.run(on: object, first.cluster) == 0)
                }
                first.fallSilent()
                let second = try RadosBench(configuration)
                #expect(try second.storage.blockCount(.main) == 605)
                try second.storage.zeroExtend(.main, from: 605, count: 895, sync: .register)
                #expect(try second.holds(600, 5, value: 600))
                #expect(try second.isZero(605, 10) && second.isZero(1400, 10))
                second.end()
                first.end()
            }
        }

        @Test(arguments: [false, true])
        func aRemovalThatWasBegunIsFinished(isReused: Bool) throws {
            try TestThreads.run {
                let (configuration, first) = try make(600)
                try first.write(0, 10, value: 1)
                let fork = try first.fork
                var header = try fork.readHeader()
                header.isRemoved = true
                #expect(fork.write(header) == 0)
                let name = fork.objectName(0, of: header.incarnation)
                first.fallSilent()
                let second = try RadosBench(configuration)
                if isReused {
                    try second.storage.create(.main, ifMissing: false)
                    #expect(try second.storage.blockCount(.main) == 0)
                    try second.storage.zeroExtend(.main, from: 0, count: 20, sync: .register)
                    #expect(try second.isZero(0, 20))
                } else {
                    #expect(try !second.storage.exists(.main))
                }
                #expect(second.cluster.size(of: name) < 0)
                second.end()
                first.end()
            }
        }

        @Test func damageIsFound() throws {
            try TestThreads.run {
                let (configuration, first) = try make(600)
                let fork = try first.fork
                let header = try fork.readHeader()
                let gone = WriteOperation()
                gone.remove()
                let name = fork.objectName(1, of: header.incarnation)
                #expect(gone.run(on: name, first.cluster) == 0)
                expectCode(.readFailed) { try first.run(.read, 550, PageMemory(3)) }
                expectCode(.writeFailed) { try first.run(.write, 550, PageMemory(3)) }
                expectCode(.readFailed) { _ = try first.holds(590, 2, value: 1) }
                #expect(!first.disk.isFenced)
                let spoiled = WriteOperation()
                let bytes = [UInt8](repeating: 1, count: 64)
                bytes.withUnsafeBytes { spoiled.replace($0) }
                first.end()
                let second = try RadosBench(configuration)
                #expect(spoiled.run(on: fork.headerName, second.cluster) == 0)
                expectCode(.damagedObject) { _ = try second.storage.blockCount(.main) }
                second.end()
            }
        }
    }
#endif
