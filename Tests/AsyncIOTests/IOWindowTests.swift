import AsyncIO
import StorageTesting
import Testing

/// IO in flight is finished in the order in which it was started.
@Suite struct IOWindowTests {
    private func start(
        _ window: inout IOWindow<Int>, _ number: Int, _ file: TestFile, _ memory: IOMemory
    )
        throws
    {
        try window.start { handle throws(StorageError) in
            try handle.setTarget(file.target, data: IOTargetData(UInt64(number * 512)))
            do throws(StorageError) { try handle.appendVector(memory.bytes) } catch {
                handle.release()
                throw error
            }
            handle.startRead(from: IODescriptor(file.descriptor), at: Int64(number * 512))
            return number
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func endsAreInOrder(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let session = try system.makeSession()
        defer { session.close() }
        let file = try TestFile(system)
        let memories = (0..<20).map { _ in IOMemory(512) }
        // More than the session has handles, too.
        for limit in [1, 3, 100] {
            var window = IOWindow<Int>(session, limit: limit)
            var ended: [Int] = []
            func finish() {
                guard let oldest = window.finishOldest() else { return }
                ended.append(oldest.purpose)
                #expect(oldest.failure == nil)
                guard oldest.purpose != 7 else {
                    #expect(oldest.report.result.status == .unknown)
                    return
                }
                #expect(oldest.report.result == IOResult(.ok, value: 512))
                #expect(memories[oldest.purpose].holds(from: oldest.purpose * 512, count: 512))
            }
            for number in 0..<20 {
                if window.isFull { finish() }
                if number == 7 {
                    window.add(unstarted: number)
                } else {
                    try start(&window, number, file, memories[number])
                }
            }
            while !window.isEmpty { finish() }
            #expect(ended == Array(0..<20))
            #expect(window.finishOldest()?.purpose == nil)
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func whatCannotBeStartedIsNotAdded(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let session = try system.makeSession()
        defer { session.close() }
        let file = try TestFile(system)
        let memory = IOMemory(512)
        var window = IOWindow<Int>(session)
        try start(&window, 0, file, memory)
        #expect(throws: StorageError.self) {
            try window.start { handle throws(StorageError) in
                handle.release()
                throw StorageError(.misuse, "not started")
            }
        }
        window.drain()
        #expect(window.isEmpty && system.snapshot().isEmpty)
    }
}
