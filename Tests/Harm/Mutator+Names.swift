import Foundation
import StorageTesting

/// Damage to names and what they refer to.
extension Mutator {
    /// A file, or sometimes a directory.
    private mutating func name() -> String {
        if random.below(8) == 0 { return one(of: ["base", "base/1"]) }
        return anyFile() ?? "strata.catalog"
    }

    /// Removes a name, with everything below it.
    private mutating func takeOut(_ name: String) {
        for other in mutation.image.entries.keys where other == name || other.hasPrefix(name + "/")
        {
            mutation.image.entries[other] = nil
            mutation.changed.insert(other)
        }
    }

    mutating func link() {
        let path = name()
        let own = String(path.split(separator: "/").last ?? "")
        let entry = mutation.image.entries[path]
        let target: String
        switch random.below(6) {
        case 0: target = own
        case 1: target = "nowhere"
        case 2: target = "/dev/zero"
        case 3: target = "."
        case 4:
            target =
                one(of: mutation.image.files).split(separator: "/").last.map(String.init) ?? own
        default:
            target =
                (path.hasPrefix("base/1/") ? "../../" : path == "base/1" ? "../" : "") + "moved"
            for (other, content) in mutation.image.entries
            where other == path || other.hasPrefix(path + "/") {
                mutation.image.entries["moved" + other.dropFirst(path.count)] = content
            }
        }
        _ = entry
        takeOut(path)
        mutation.image.entries[path] = .link(to: target)
        note(path, "a link to \(target)")
    }

    mutating func directory() {
        let path = anyFile() ?? "strata.catalog"
        takeOut(path)
        mutation.image.entries[path] = .directory(mode: 0o755)
        if random.below(2) == 0 {
            mutation.image.entries["\(path)/inside"] = .file(FileImage(bytes: [1, 2, 3]))
        }
        note(path, "a directory")
    }

    mutating func fifo() {
        let path = name()
        takeOut(path)
        mutation.image.entries[path] = .fifo
        note(path, "a FIFO")
    }

    mutating func unreadable() {
        let path = name()
        let mode = one(of: [0, 0, 0, 0o200, 0o400])
        switch mutation.image.entries[path] {
        case .file(var file):
            file.mode = mode_t(mode)
            mutation.image.entries[path] = .file(file)
        case .directory:
            mutation.image.entries[path] = .directory(mode: mode_t(mode))
        default: return
        }
        for other in mutation.image.files where other.hasPrefix(path + "/") {
            mutation.changed.insert(other)
        }
        mutation.needsOrdinaryUser = true
        note(path, "mode \(String(mode, radix: 8))")
    }

    mutating func missing() {
        for _ in 0...(random.below(4) == 0 ? 1 : 0) {
            let path = name()
            takeOut(path)
            note(path, "missing")
        }
    }

    mutating func foreign() {
        var names = [
            "base/1/99999", "base/1/20001.chunks", "base/1/20001.map", "base/1/notes.txt",
            "base/1/4294967295", "base/1/18446744073709551616", "base/1/016384", "base/1/-1",
            "base/1/\u{1b}[31mred", "base/1/\u{FFFD}name", "base/1/two\nlines", "base/2/16384",
            "global/1262", "global/pg_control", "base/1/.hidden", "notes",
            "base/1/" + String(repeating: "n", count: 255), "base/1/pgsql_tmp", "base/3",
        ]
        // Such a file is either an unused file of the store's, or a relation's.
        var uncertain = [
            "strata.catalog.new", "strata.control.new", "strata.journal.0", "strata.journal.1",
        ]
        for relation in base.relations {
            let stem = "base/1/\(relation.number)"
            uncertain += [
                "\(stem).map.new", "\(stem).0", "\(stem).9", "\(stem)_fsm", "\(stem)_vm.2",
            ]
            uncertain += ["\(stem)_init", relation.manager == "magnetic" ? "\(stem).map" : stem]
        }
        let given = "base/1/\((base.relations.map(\.number).max() ?? 16384) + 1)"
        if base.isKilled { uncertain.append(given) } else { names.append(given) }
        let isForeign = random.below(2) == 0
        let path = isForeign ? one(of: names) : one(of: uncertain)
        guard mutation.image.entries[path] == nil else { return bits() }
        for parent in ["base/2", "global"] where path.hasPrefix(parent + "/") {
            if mutation.image.entries[parent] == nil {
                mutation.image.entries[parent] = .directory(mode: 0o755)
            }
        }
        var bytes: [UInt8] = []
        switch random.below(3) {
        case 0: bytes = []
        case 1:
            bytes = (0..<random.below(9000)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        default: bytes = file().flatMap { mutation.image.file($0)?.bytes } ?? []
        }
        mutation.image.entries[path] = .file(FileImage(bytes: bytes))
        note(path, "a foreign file of \(bytes.count) bytes")
        if isForeign { mutation.survivors.insert(path) }
    }
}
