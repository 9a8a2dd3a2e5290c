import AsyncIO
import StorageTesting
import Synchronization
import Testing
import Threads

/// Fails every third block's reads, in front of another method.
private final class FaultyMethod: ForwardingIOMethod {
    let base: any IOMethod
    let failed = Atomic<Int>(0)

    init(over base: any IOMethod) { self.base = base }

    static func fails(_ offset: Int64) -> Bool { offset / 1024 % 3 == 2 }

    func needsSynchronousExecution(_ io: StagedIO) -> Bool {
        !Self.fails(io.offset) && base.needsSynchronousExecution(io)
    }

    func submit(_ ios: Span<StagedIO>, session: Int) {
        var passed: [StagedIO] = []
        for position in ios.indices {
            let io = ios[position]
            guard Self.fails(io.offset) else {
                passed.append(io)
                continue
            }
            failed.add(1, ordering: .relaxed)
            io.leaveMethod()
            io.prepareSubmit()
            io.complete(result: -Int(EIO))
        }
        if !passed.isEmpty { base.submit(passed.span, session: session) }
    }
}

/// Methods of a program's own that wrap those that are built in.
@Suite struct WrappingTests {
    @Test(arguments: IOMethodMatrix.all)
    func faultsAreInjectedUnderEveryMethod(method: TestedMethod) throws {
        let inner = method.choice
        let system = try makeSystem(
            .custom("faulty") { context throws(StorageError) in
                FaultyMethod(over: try inner.makeMethod(context))
            })
        let file = try TestFile(system)
        try TestThreads.run(3) { thread in
            let session = try system.makeSession()
            for round in 0..<20 {
                let memories = (0..<6).map { _ in IOMemory(1024) }
                let reports = memories.map { _ in IOReturn() }
                if round % 2 == 0 { try session.enterBatch() }
                let references = try memories.indices.map { index in
                    try session.read(
                        file, into: memories[index], at: index * 1024, reporting: reports[index])
                }
                if round % 2 == 0 { try session.exitBatch() }
                for (index, reference) in references.enumerated() {
                    if thread == 0 { try system.wait(for: reference) }
                    try session.wait(for: reference)
                    if FaultyMethod.fails(Int64(index * 1024)) {
                        #expect(reports[index].result.status == .error)
                        #expect(reports[index].result.errorData == UInt32(EIO))
                    } else {
                        #expect(reports[index].result == IOResult(.ok, value: 1024))
                        #expect(memories[index].holds(from: index * 1024, count: 1024))
                    }
                }
            }
            session.close()
        }
        let faulty = try #require(system.method as? FaultyMethod)
        #expect(faulty.failed.load(ordering: .relaxed) == 3 * 20 * 2)
        #expect(faulty.name == inner.name)
        #expect(system.shutdown())
    }
}
