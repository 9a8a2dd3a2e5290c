import Strata

/// A pinned page that can be kept in an array.
final class Pin {
    let page: PinnedPage
    let block: UInt32

    init(_ page: consuming PinnedPage) {
        block = page.block.rawValue
        self.page = page
    }
}

extension Connection {
    func pin(_ block: UInt32) throws(StorageError) -> Pin {
        Pin(try relation.page(BlockNumber(block), session: session))
    }

    /// Latches pages exclusively, in the given order, and calls `body` while all are held.
    ///
    /// From before the first latch until after the last one, a checkpoint that begins keeps the log
    /// from here on: pages count as changed only when their latch is released.
    func latching<Result>(_ pins: [Pin], _ body: ([NodeEditor]) throws -> Result) throws -> Result {
        change.position.store(store.log.end.rawValue, ordering: .sequentiallyConsistent)
        defer { change.position.store(.max, ordering: .sequentiallyConsistent) }
        return try latch(pins[...], [], body)
    }

    private func latch<Result>(
        _ pins: ArraySlice<Pin>, _ nodes: [NodeEditor], _ body: ([NodeEditor]) throws -> Result
    ) throws -> Result {
        guard let first = pins.first else { return try body(nodes) }
        return try Self.latching(first.page) { node in
            try latch(pins.dropFirst(), nodes + [node], body)
        }
    }

    /// Latches one page exclusively.
    @inline(__always)
    static func latching<Result>(
        _ page: borrowing PinnedPage, _ body: (NodeEditor) throws -> Result
    ) throws -> Result {
        try page.withExclusiveLock { bytes in
            try bytes.withUnsafeMutableBytes { try body(NodeEditor($0.baseAddress!)) }
        }
    }

    /// Adds the record that was built to the log, and applies it to the latched pages and to new
    /// ones, which are latched for it one after another: nobody can reach them yet.
    func perform(_ latched: [(block: UInt32, node: NodeEditor)], new: [Pin] = []) throws -> LSN {
        let lsn = try store.log.append(record)
        do {
            for action in record.actions {
                if let (_, node) = latched.first(where: { $0.block == action.block }) {
                    try action.apply(to: node)
                    PageFrame.stamp(node.page, lsn)
                } else if let pin = new.first(where: { $0.block == action.block }) {
                    try Self.latching(pin.page) { node in
                        try action.apply(to: node)
                        PageFrame.stamp(node.page, lsn)
                    }
                } else {
                    throw KeyValueError.damaged("a record for block \(action.block)")
                }
            }
        } catch {
            // The log says what the pages do not: only recovery can bring them together.
            let failure = StorageError(
                .storeFailed, "a change could not be made: \(error)",
                remedy: "Close the store and open it again.")
            store.log.fail(failure)
            throw failure
        }
        return lsn
    }
}
