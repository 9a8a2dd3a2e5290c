#if RADOS
    import Glibc

    /// What was begun and what was acknowledged, in a local file that outlives the process.
    ///
    /// A writer has a log of its own. It begins with the contents of its predecessor's log at the
    /// time of the takeover: a line that a fenced writer adds later means nothing.
    ///
    /// Lines are `o BLOCK VERSION` for a block's first contents, `i BLOCK VERSION` before a write,
    /// `a BLOCK VERSION` once it is acknowledged, `T` before the tail is cut off and added again,
    /// and `t` after.
    final class AcknowledgementLog {
        private let descriptor: CInt
        /// The newest version whose write was begun.
        private(set) var newest: [UInt32]
        /// The newest acknowledged version; 0 if zeroes are right as well.
        private(set) var acknowledged: [UInt32]
        /// The oldest version that may be found; older ones were cut off.
        private(set) var oldest: [UInt32]
        private(set) var nextVersion: UInt32 = 1

        /// - Parameter previous: the predecessor's log; may be the same file.
        init(_ path: String, previous: String) {
            newest = Array(repeating: 0, count: Work.blocks)
            acknowledged = newest
            oldest = newest
            descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
            guard let file = fopen(previous, "r") else { return }
            var line = [CChar](repeating: 0, count: 128)
            while fgets(&line, 128, file) != nil {
                let bytes = line.prefix { $0 >= 32 }.map { UInt8($0) }
                note(String(decoding: bytes, as: UTF8.self).split(separator: " ").map(String.init))
            }
            fclose(file)
            // No version of a fenced writer is one of this writer's.
            nextVersion += 1_000_000
        }

        /// Begins the writer's own part. From here on only its own lines count.
        func begin(_ versions: [UInt32]) {
            ftruncate(descriptor, 0)
            for (block, version) in versions.enumerated() { add("o \(block) \(version)") }
        }

        private func note(_ words: [String]) {
            switch words.first {
            case "i", "a", "o":
                guard words.count == 3, let block = Int(words[1]), let version = UInt32(words[2])
                else { return }
                nextVersion = max(nextVersion, version + 1)
                if words[0] == "o" {
                    (newest[block], acknowledged[block], oldest[block]) = (
                        version, version, version
                    )
                } else if words[0] == "i" {
                    newest[block] = max(newest[block], version)
                } else {
                    acknowledged[block] = max(acknowledged[block], version)
                }
            case "T":
                for block in Work.tail { acknowledged[block] = 0 }
            case "t":
                for block in Work.tail {
                    acknowledged[block] = 0
                    oldest[block] = nextVersion
                }
            default: break
            }
        }

        func add(_ line: String) {
            let bytes = Array((line + "\n").utf8)
            _ = write(descriptor, bytes, bytes.count)
            note(line.split(separator: " ").map(String.init))
        }

        /// Whether a block may hold that version; 0 means zeroes.
        func allows(_ block: Int, _ version: UInt32) -> Bool {
            if version == 0 { return acknowledged[block] == 0 }
            return version >= max(acknowledged[block], oldest[block]) && version <= newest[block]
        }

        func description(_ block: Int) -> String {
            "acknowledged \(acknowledged[block]), begun \(newest[block]),"
                + " not before \(oldest[block])"
        }
    }
#endif
