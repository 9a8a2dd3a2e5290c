internal import FileAccess
internal import Threads

/// The files and names of a ``SimulatedDisk``, and the calls on them. A value; its owner
/// synchronises threads.
///
/// Each call first checks whether there is power, then draws its fate, then does its work. Calls
/// that change something are counted, because power is cut between two of them.
struct SimulatedFiles: Sendable {
    enum Handle: Sendable {
        case file(Int, isReadOnly: Bool)
        case directory(String)
    }

    private static let firstDescriptor: CInt = 1 << 20

    var files: [SimulatedFile] = []
    var names = SimulatedNames()
    var fate = SimulatedFate()
    var handles: [CInt: Handle] = [:]
    private var nextDescriptor = firstDescriptor
    var changeCount = 0
    var powerEndsAfter = Int.max
    /// Files of which a failed sync has left data only in the cache.
    var abandoned: Set<Int> = []
    /// Files that the next sync of themselves says it of, because a sync of all has met it.
    var unreported: Set<Int> = []

    var hasNoPower: Bool { changeCount >= powerEndsAfter }

    /// Counts a change. Returns false if there is no power for it.
    mutating func change() -> Bool {
        if hasNoPower { return false }
        changeCount += 1
        return true
    }

    // MARK: Names

    mutating func open(directory path: String) -> CInt { add(.directory(path)) }

    private mutating func add(_ handle: Handle) -> CInt {
        defer { nextDescriptor += 1 }
        handles[nextDescriptor] = handle
        return nextDescriptor
    }

    mutating func open(_ path: String, _ flags: FileOpenFlags) -> CInt {
        if hasNoPower { return -EIO }
        let found = names.file(path)
        let result = begin(.open, path, creates: flags.contains(.create) && found == nil) {
            files in files.openNow(path, flags, found)
        }
        return result
    }

    private mutating func openNow(_ path: String, _ flags: FileOpenFlags, _ found: Int?) -> CInt {
        if names.isDirectory(path) {
            return flags.contains(.readOnly) ? add(.directory(path)) : -EISDIR
        }
        if flags.contains(.directory) { return found == nil ? -ENOENT : -ENOTDIR }
        if let number = found {
            if flags.contains(.exclusive) { return -EEXIST }
            if flags.contains(.truncate) {
                guard change() else { return -EIO }
                files[number].record(.length(0))
            }
            return add(.file(number, isReadOnly: flags.contains(.readOnly)))
        }
        guard flags.contains(.create), names.isDirectory(SimulatedNames.parent(path)) else {
            return -ENOENT
        }
        guard change() else { return -EIO }
        files.append(SimulatedFile(name: path))
        names.record(.added(path, .file(files.count - 1)))
        return add(.file(files.count - 1, isReadOnly: false))
    }

    /// Draws the fate of a call, or does its work; then records it.
    private mutating func begin(
        _ call: SimulatedCall, _ path: String, creates: Bool = false,
        _ work: (inout SimulatedFiles) -> CInt
    ) -> CInt {
        let error = fate.error(call, creates: creates)
        let result = error < 0 ? error : work(&self)
        fate.note(call, path, 0, 0, Int(min(result, 0)))
        return result
    }

    mutating func rename(_ path: String, _ target: String) -> CInt {
        if hasNoPower { return -EIO }
        return begin(.rename, path) { files in
            guard let entry = files.names.entries[path] else { return -ENOENT }
            guard files.change() else { return -EIO }
            files.names.record(.renamed(path, target, entry))
            return 0
        }
    }

    mutating func unlink(_ path: String) -> CInt {
        if hasNoPower { return -EIO }
        return begin(.unlink, path) { files in
            guard files.names.file(path) != nil else { return -ENOENT }
            guard files.change() else { return -EIO }
            files.names.record(.removed(path))
            return 0
        }
    }

    mutating func makeDirectory(_ path: String) -> CInt {
        if hasNoPower { return -EIO }
        return begin(.makeDirectory, path) { files in
            if files.names.entries[path] != nil { return -EEXIST }
            guard files.names.isDirectory(SimulatedNames.parent(path)) else { return -ENOENT }
            guard files.change() else { return -EIO }
            files.names.record(.added(path, .directory))
            return 0
        }
    }

    mutating func removeDirectory(_ path: String) -> CInt {
        if hasNoPower { return -EIO }
        return begin(.removeDirectory, path) { files in
            guard files.names.isDirectory(path) else { return -ENOENT }
            guard files.names.list(path).isEmpty else { return -ENOTEMPTY }
            guard files.change() else { return -EIO }
            files.names.record(.removed(path))
            return 0
        }
    }

    mutating func list(_ descriptor: CInt, _ found: inout [String]) -> CInt {
        guard !hasNoPower else { return -EIO }
        guard case .directory(let path) = handles[descriptor] else { return -EBADF }
        let error = fate.error(.list)
        if error == 0 { found += names.list(path) }
        fate.note(.list, path, 0, 0, Int(error))
        return error
    }

    mutating func status(_ path: String, _ status: inout FileStatus) -> CInt {
        if hasNoPower { return -EIO }
        let error = fate.error(.status)
        if error < 0 { return error }
        switch names.entries[path] {
        case nil: return -ENOENT
        case .directory: status = Self.directoryStatus
        case .file(let number): status = self.status(of: number)
        }
        return 0
    }

    mutating func status(_ descriptor: CInt, _ status: inout FileStatus) -> CInt {
        if hasNoPower { return -EIO }
        let error = fate.error(.status)
        if error < 0 { return error }
        switch handles[descriptor] {
        case .file(let number, _): status = self.status(of: number)
        case .directory: status = Self.directoryStatus
        case nil: return -EBADF
        }
        return 0
    }

    private static let directoryStatus = FileStatus(
        kind: .directory, size: 0, device: 1, serial: 0)

    private func status(of number: Int) -> FileStatus {
        FileStatus(
            kind: .file, size: Int64(files[number].bytes.count), device: 1,
            serial: UInt64(number) + 1)
    }

    // MARK: Power

    /// The same files, all durable and unused.
    func settled() -> SimulatedFiles {
        var result = unused()
        for number in result.files.indices {
            result.files[number].durable = files[number].bytes
            result.files[number].volatile = []
        }
        result.names.settleAll()
        result.abandoned = []
        result.unreported = []
        return result
    }

    /// The same files, unused, as another process finds them.
    func unused() -> SimulatedFiles {
        var result = self
        result.handles = [:]
        result.changeCount = 0
        result.powerEndsAfter = Int.max
        return result
    }

    /// What a power cut leaves.
    func surviving(_ seed: UInt64) -> SimulatedFiles {
        var random = SplitMix64(seed: seed)
        var result = unused()
        let (found, dropped) = names.surviving(&random, keepsOrder: fate.keepsNameOrder)
        result.names = found
        result.fate.counts[.droppedName] += dropped
        // Often all is lost or all is kept. Mistakes hide in between.
        let temper = random.below(4)
        for number in result.files.indices where !files[number].volatile.isEmpty {
            var bytes = files[number].durable
            for change in files[number].volatile {
                let fate: SimulatedFile.Fate
                switch temper {
                case 0: fate = .dropped
                case 1:
                    SimulatedFile.apply(change, to: &bytes)
                    fate = .kept
                default:
                    fate = SimulatedFile.applyPart(
                        of: change, to: &bytes, &random, self.fate.tearBytes)
                }
                if fate == .dropped { result.fate.counts[.droppedChange] += 1 }
                if fate == .torn { result.fate.counts[.tornWrite] += 1 }
            }
            result.files[number].durable = bytes
            result.files[number].volatile = []
        }
        for number in result.files.indices {
            result.files[number].bytes = result.files[number].durable
        }
        result.abandoned = []
        result.unreported = []
        return result
    }
}
