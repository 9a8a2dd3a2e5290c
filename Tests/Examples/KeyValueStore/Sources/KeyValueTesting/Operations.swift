import KeyValueStore
import StorageTesting

/// An endless list of changes for one writer. The same seed and number give the same change, so
/// that another process knows what was done when it knows how many were.
public struct Operations: Sendable {
    /// A change of an entry.
    public struct Operation: Sendable {
        public let key: [UInt8]
        /// Nil if the key is removed.
        public let value: [UInt8]?
        public let durability: Connection.Durability
    }

    private let seed: UInt64
    private let writer: Int
    private let keyCount: Int

    public init(seed: UInt64, writer: Int, keyCount: Int) {
        (self.seed, self.writer, self.keyCount) = (seed, writer, keyCount)
    }

    /// What the writer's keys begin with.
    public var prefix: [UInt8] { Array("writer\(writer)/".utf8) }

    public subscript(_ number: Int) -> Operation {
        var draw = Draw(
            seed: seed &* 1_000_003 &+ UInt64(number) * 8 + UInt64(writer), keyCount: keyCount)
        // For a while entries become more, then fewer: nodes are split and joined.
        let removes = draw.random.below(100) < (number / 400 % 2 == 0 ? 20 : 80)
        let isCommitted = draw.random.below(4) == 0
        return Operation(
            key: prefix + draw.key(), value: removes ? nil : draw.value(),
            durability: isCommitted ? .committed : .buffered)
    }

    /// Makes a change.
    ///
    /// - Returns: whether it was committed. Removing what is not there commits nothing.
    public static func perform(_ operation: Operation, _ connection: Connection) throws -> Bool {
        if let value = operation.value {
            try connection.put(operation.key, value, operation.durability)
        } else if try !connection.remove(operation.key, operation.durability) {
            return false
        }
        return operation.durability == .committed
    }

    /// How many changes a store shows, if it shows the first ones and no other.
    ///
    /// - Parameters:
    ///   - contents: the writer's entries in the store.
    ///   - state: the entries after the first `range.lowerBound` changes; afterwards those found.
    ///   - range: how many changes there may be.
    /// - Returns: nil if the store shows something else.
    public func count(
        in contents: [[UInt8]: [UInt8]], from state: inout [[UInt8]: [UInt8]],
        _ range: ClosedRange<Int>
    ) -> Int? {
        for number in range {
            if state.count == contents.count, state == contents { return number }
            let operation = self[number]
            state[operation.key] = operation.value
        }
        return nil
    }
}
