#if RADOS
    internal import AsyncIO
    internal import StorageManager
    internal import Threads

    /// A small file of a store, kept as one object and, once used, in memory. Guarded by its
    /// ``RadosHome``'s lock.
    final class HomeFile {
        /// The object's number, by which other files of that name never count as this one.
        let number: UInt64
        var bytes: [UInt8] = []
        /// Whether ``bytes`` are the object's, or newer.
        var isLoaded: Bool

        init(_ number: UInt64, isLoaded: Bool) {
            self.number = number
            self.isLoaded = isLoaded
        }

        /// The object's name.
        var object: String { "strata.file.\(Epoch(number).text)" }

        /// Reads the object. A file that was never synced has none, and is empty.
        func load(_ cluster: RadosCluster) -> CInt {
            if isLoaded { return 0 }
            let (found, result) = cluster.contents(of: object)
            guard result == 0 || result == -ENOENT else { return result }
            bytes = found
            isLoaded = true
            return 0
        }

        /// Makes the contents durable, even in a full pool: dropping a relation writes the catalog
        /// before it makes room.
        func store(_ space: RadosSpace) -> CInt {
            if !isLoaded { return 0 }
            let operation = WriteOperation()
            operation.requireNoLaterEpoch(space.epoch)
            operation.setEpoch(space.epoch)
            unsafe bytes.withUnsafeBytes { bytes in unsafe operation.replace(bytes) }
            let result = operation.run(on: object, space.cluster, evenIfFull: true)
            // The guard never fails on an object that does not exist yet.
            guard result == -ENOENT else { return result }
            let first = WriteOperation()
            first.createExclusively()
            first.setEpoch(space.epoch)
            unsafe bytes.withUnsafeBytes { bytes in unsafe first.replace(bytes) }
            return first.run(on: object, space.cluster, evenIfFull: true)
        }
    }

    /// The contents of the object `strata.files`: which names a store's files have.
    ///
    /// Text, a line for each entry, and the last line a CRC-32C of all before it, in 8 hexadecimal
    /// digits:
    ///
    /// | line | |
    /// |---|---|
    /// | `strata files 1` | the first |
    /// | `file NUMBER NAME` | the file of that name is the object `strata.file.NUMBER` |
    /// | `gone NUMBER` | that object is to be removed |
    struct HomeIndex: Hashable, Sendable {
        static let object = "strata.files"
        private static let title = "strata files 1"

        var files: [String: UInt64] = [:]
        var gone: Set<UInt64> = []

        init() {}

        /// Reads an index. Returns nil if it is damaged or of another format.
        init?(_ bytes: [UInt8]) {
            guard let text = String(validating: bytes, as: UTF8.self), text.utf8.count > 9,
                let sum = UInt32(text.suffix(9).dropLast(), radix: 16)
            else { return nil }
            let body = Array(bytes.dropLast(9))
            guard CRC32C.checksum(body.span) == sum else { return nil }
            var lines = text.dropLast(9).split(separator: "\n")[...]
            guard lines.popFirst().map({ $0 == Self.title }) == true else { return nil }
            for line in lines {
                let parts = line.split(separator: " ", maxSplits: 2)
                guard parts.count >= 2, let number = UInt64(parts[1], radix: 16) else { return nil }
                switch (parts[0], parts.count) {
                case ("file", 3): files[String(parts[2])] = number
                case ("gone", 2): gone.insert(number)
                default: return nil
                }
            }
            // There is one way to write an index.
            guard self.bytes == bytes else { return nil }
        }

        var bytes: [UInt8] {
            let lines =
                [Self.title]
                + files.sorted { $0.key < $1.key }.map { "file \(Epoch($0.value).text) \($0.key)" }
                + gone.sorted().map { "gone \(Epoch($0).text)" }
            let body = Array(lines.map { $0 + "\n" }.joined().utf8)
            let sum = String(CRC32C.checksum(body.span), radix: 16)
            let padding = String(repeating: "0", count: 8 - sum.utf8.count)
            return body + Array((padding + sum + "\n").utf8)
        }
    }
#endif
