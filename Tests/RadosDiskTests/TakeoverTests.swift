#if RADOS
    import AsyncIO
    import Foundation
    import StorageManager
    import StorageTesting
    import Testing

    @testable import RadosDisk

    @Suite("One writer at a time", .enabled(if: TestCluster.isThere, TestCluster.reason))
    struct TakeoverTests {
        @Test func aLiveWriterIsLeftAlone() throws {
            try TestThreads.run {
                let configuration = TestCluster.configuration()
                let first = try RadosBench(configuration)
                try first.storage.create(.main, ifMissing: false)
                expectCode(.inUse) { _ = try RadosBench(configuration) }
                try first.storage.zeroExtend(.main, from: 0, count: 3, sync: .register)
                try first.write(0, 3, value: 1)
                #expect(!first.disk.isFenced)
                let epoch = first.disk.space.epoch
                first.end()
                // A writer that ended in order need not be shut out.
                let second = try RadosBench(configuration)
                #expect(second.disk.space.epoch == epoch)
                #expect(try second.holds(0, 3, value: 1))
                second.end()
            }
        }

        @Test(arguments: IOMethodMatrix.all)
        func aSilentWriterIsFenced(_ method: TestedMethod) throws {
            try TestThreads.run {
                let configuration = TestCluster.configuration()
                let first = try RadosBench(configuration, method)
                try first.storage.create(.main, ifMissing: false)
                try first.storage.zeroExtend(.main, from: 0, count: 30, sync: .register)
                try first.write(0, 30, value: 100)
                first.fallSilent()
                let second = try RadosBench(configuration, method)
                #expect(second.disk.space.epoch > first.disk.space.epoch)
                #expect(try second.holds(0, 30, value: 100))
                let page = PageMemory(1)
                page.fill(0, 1)
                // Reads need no epoch: the blocklist refuses them.
                expectCode(.fenced) { try first.run(.read, 3, page) }
                #expect(first.disk.isFenced)
                expectCode(.fenced) { try first.run(.write, 3, page) }
                expectCode(.fenced) { try first.write(3, 1, value: 9) }
                expectCode(.fenced) {
                    try first.storage.zeroExtend(.main, from: 30, count: 600, sync: .register)
                }
                expectCode(.fenced) { try first.disk.syncPending(first.session) }
                #expect(try second.holds(0, 30, value: 100))
                first.end()
                try second.write(3, 1, value: 8)
                second.end()
            }
        }

        /// Once the blocklist has forgotten a process, its epoch alone keeps it out.
        @Test func anEarlierEpochWritesNothing() throws {
            try TestThreads.run {
                let configuration = TestCluster.configuration()
                let first = try RadosBench(configuration)
                try first.storage.create(.main, ifMissing: false)
                try first.storage.zeroExtend(.main, from: 0, count: 600, sync: .register)
                try first.write(0, 600, value: 100)
                let fork = try first.fork
                let header = try fork.readHeader()
                first.fallSilent()
                let second = try RadosBench(configuration)
                #expect(try second.storage.blockCount(.main) == 600)
                // The second writer's client sends it: the cluster does not refuse that one.
                let late = WriteOperation()
                late.requireEpoch(first.disk.space.epoch)
                let page = [UInt8](repeating: 3, count: blockSize)
                page.withUnsafeBytes { late.write($0, at: 0) }
                let name = fork.objectName(0, of: header.incarnation)
                #expect(late.run(on: name, second.cluster) == RadosResult.blocklisted)
                #expect(second.cluster.isFenced)
                first.end()
                second.end()
                let third = try RadosBench(configuration)
                #expect(try third.holds(0, 600, value: 100))
                third.end()
            }
        }

        @Test func settingsOutsideTheirRangeAreRefused() {
            let changes: [(inout RadosConfiguration) -> Void] = [
                { $0.pool = "" }, { $0.timeoutSeconds = 1 }, { $0.livenessSeconds = 0 },
                { $0.blocklistSeconds = 5 },
            ]
            for change in changes {
                var configuration = TestCluster.configuration()
                change(&configuration)
                expectCode(.invalidConfiguration) { _ = try RadosBench(configuration) }
            }
            var elsewhere = TestCluster.configuration()
            elsewhere.pool = "no-such-pool"
            expectCode(.connectFailed) { _ = try RadosBench(elsewhere) }
            elsewhere.configurationPath = "/nowhere/ceph.conf"
            expectCode(.connectFailed) { _ = try RadosBench(elsewhere) }
        }

        /// Waiting for each of many operations would add up.
        @Test(arguments: IOMethodMatrix.all)
        func aClusterThatHasNotAnsweredIsNotAskedAtOnceAgain(_ method: TestedMethod) throws {
            try TestThreads.run {
                var configuration = TestCluster.configuration()
                configuration.restSeconds = 3600
                let first = try RadosBench(configuration, method)
                try first.storage.create(.main, ifMissing: false)
                try first.storage.zeroExtend(.main, from: 0, count: 30, sync: .register)
                try first.write(0, 30, value: 1)
                let page = PageMemory(1)
                page.fill(0, 1)
                _ = first.cluster.note(-ETIMEDOUT)
                expectCode(.timedOut) { try first.run(.read, 3, page) }
                expectCode(.timedOut) { try first.run(.write, 3, page) }
                expectCode(.timedOut) { try first.write(3, 1, value: 9) }
                expectCode(.timedOut) { _ = try first.holds(3, 1, value: 1) }
                expectCode(.timedOut) {
                    try first.storage.zeroExtend(.main, from: 30, count: 600, sync: .register)
                }
                expectCode(.timedOut) { try first.disk.unlink(RadosBench.locator, fork: .main) }
                expectCode(.timedOut) { try first.disk.syncPending(first.session) }
                // Any answer ends it.
                _ = first.cluster.note(0)
                #expect(try first.holds(0, 30, value: 1))
                try first.write(3, 1, value: 9)
                first.end()
                // What timed out may still arrive, so the lock stayed.
                let second = try RadosBench(configuration, method)
                #expect(second.disk.space.epoch > first.disk.space.epoch)
                #expect(try second.holds(3, 1, value: 9))
                second.end()
            }
        }

        /// What cannot be connected to is told apart, and the file to mend is named.
        @Test func whatIsWrongWithAConfigurationIsSaid() throws {
            let directory = TemporaryDirectory()
            let path = directory.path + "/ceph.conf"
            let monitors = try #require(
                try String(contentsOfFile: TestCluster.configurationPath ?? "", encoding: .utf8)
                    .split(separator: "\n").first { $0.hasPrefix("mon host") })
            let cases = [
                ("[global", "Correct the file"),
                ("[global]\nmon host =\n", "\"mon host\""),
                ("[global]\nmon host = no host\n", "\"mon host\""),
                ("[global]\n\(monitors)\nauth client required = cephx\n", "\"keyring\""),
            ]
            for (text, remedy) in cases {
                try text.write(toFile: path, atomically: true, encoding: .utf8)
                var configuration = TestCluster.configuration()
                configuration.configurationPath = path
                configuration.timeoutSeconds = 2
                let error = #expect(throws: StorageError.self) {
                    _ = try RadosBench(configuration)
                }
                #expect(error?.code == .connectFailed, "\(text): \(String(describing: error))")
                #expect(error?.remedy?.contains(remedy) == true, "\(text): \(error?.remedy ?? "")")
                #expect(error?.location.path == path)
            }
            // A time-out while connecting is not about a write.
            let late = StorageError.rados(.connectFailed, "", -ETIMEDOUT)
            #expect(late.code == .timedOut && late.remedy?.contains("write") == false)
            #expect(
                StorageError.rados(.writeFailed, "", -ETIMEDOUT).remedy?.contains("write") == true)
        }

        /// Nothing listens at the monitor's address.
        @Test func openingEndsWithinTwiceTheTimeout() throws {
            let directory = TemporaryDirectory()
            let path = directory.path + "/ceph.conf"
            try "[global]\nmon host = [v2:127.0.0.1:9/0]\nauth client required = none\n".write(
                toFile: path, atomically: true, encoding: .utf8)
            var configuration = TestCluster.configuration()
            configuration.configurationPath = path
            configuration.timeoutSeconds = 2
            let start = ContinuousClock.now
            expectCode(.timedOut) { _ = try RadosBench(configuration) }
            #expect(ContinuousClock.now - start < .seconds(4))
        }
    }
#endif
