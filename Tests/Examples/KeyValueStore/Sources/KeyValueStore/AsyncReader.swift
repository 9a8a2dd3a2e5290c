import Strata

/// Reads for tasks: thousands of searches at a time, of which none blocks a thread while its page
/// comes from the disk.
///
///     let reader = try store.reader(.engineThread)
///     let value = try await reader.get(key)
///     await reader.close()
public final class AsyncReader: Sendable {
    private let relation: Relation
    private let session: AsyncSession

    init(_ relation: Relation, _ session: AsyncSession) {
        self.relation = relation
        self.session = session
    }

    /// Gives back the session. Waits for the searches in progress.
    public func close() async { await session.close() }

    /// The value of a key; nil if there is none.
    nonisolated(nonsending) public func get(_ key: [UInt8]) async throws -> [UInt8]? {
        try Connection.check(key)
        // The compiler cannot see that a span of the key stays where it is during an `await`.
        for _ in 0..<Tree.patience {
            switch try await find(key) {
            case .value(let value): return value
            case .overflow(let reference):
                if let whole = try await readChain(reference) { return whole }
            case .absent: return nil
            case .elsewhere: continue
            }
        }
        throw KeyValueError.damaged("no leaf for a key")
    }

    private enum Found {
        case value([UInt8])
        case overflow(OverflowReference)
        case absent
        case elsewhere
    }

    nonisolated(nonsending) private func find(_ key: [UInt8]) async throws -> Found {
        var block = Tree.root
        for _ in 0..<Connection.mostLevels {
            var value: [UInt8] = []
            let step: Step = try await relation.read(BlockNumber(block), session: session) { page in
                try withUnsafeTemporaryAllocation(
                    byteCount: PageFrame.pageSize, alignment: 16
                ) { target in
                    let step = try key.withUnsafeBytes {
                        try page.step(Bytes($0), target.baseAddress!)
                    }
                    // Whatever an earlier call has left is replaced.
                    if case .value(let length) = step { value = Array(target[..<length]) }
                    return step
                }
            }
            switch step {
            case .child(let child, _): block = child
            case .value: return .value(value)
            case .overflow(let reference): return .overflow(reference)
            case .absent: return .absent
            case .elsewhere: return .elsewhere
            }
        }
        return .elsewhere
    }

    nonisolated(nonsending) private func readChain(_ reference: OverflowReference) async throws
        -> [UInt8]?
    {
        var value: [UInt8] = []
        var block = reference.first
        while value.count < Int(reference.length) {
            guard block < relation.blockCount,
                let (part, next) = try await relation.read(
                    BlockNumber(block), session: session,
                    { page in try page.overflowPart(reference.chain) }),
                !part.isEmpty
            else { return nil }
            value += part
            block = next
        }
        return value
    }
}

extension KeyValueStore {
    /// Opens a reader for tasks.
    public func reader(_ service: AsyncService) throws -> AsyncReader {
        AsyncReader(relation, try engine.makeAsyncSession(service))
    }
}
