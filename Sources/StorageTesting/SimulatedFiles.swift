internal import FileAccess

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The files and names of a ``SimulatedDisk``. A value; its owner keeps threads apart.
struct SimulatedFiles: Sendable {
    /// One file: what it holds, and what of that would outlast a power cut.
    struct File: Sendable {
        var bytes: [UInt8] = []
        var durable: [UInt8] = []
        /// What happened since the last sync, in order.
        var volatile: [Change] = []

        enum Change: Sendable {
            case write(offset: Int, [UInt8])
            case length(Int)
        }

        mutating func settle() {
            durable = bytes
            volatile = []
        }

        mutating func flip(_ bit: Int) {
            guard bit / 8 < bytes.count else { return }
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            settle()
        }

        mutating func apply(_ change: Change) { Self.apply(change, to: &bytes) }

        static func apply(_ change: Change, to bytes: inout [UInt8]) {
            switch change {
            case .write(let offset, let new):
                if bytes.count < offset + new.count {
                    bytes += Array(repeating: 0, count: offset + new.count - bytes.count)
                }
                bytes.replaceSubrange(offset..<offset + new.count, with: new)
            case .length(let length):
                if length < bytes.count {
                    bytes.removeLast(bytes.count - length)
                } else {
                    bytes += Array(repeating: 0, count: length - bytes.count)
                }
            }
        }
    }

    /// A change of names that a sync of the directory makes durable.
    private enum NameChange: Sendable {
        case added(String, Int)
        case removed(String)
        case renamed(String, String)

        var path: String {
            switch self {
            case .added(let path, _), .removed(let path), .renamed(let path, _): path
            }
        }
    }

    enum Handle: Sendable {
        case file(Int, isReadOnly: Bool)
        case directory(String)
    }

    private static let sector = 512
    private static let firstDescriptor: CInt = 1 << 20

    var files: [File] = []
    /// Files by path.
    var names: [String: Int] = [:]
    private var durableNames: [String: Int] = [:]
    private var volatileNames: [NameChange] = []
    private var directories: Set<String> = [""]
    var handles: [CInt: Handle] = [:]
    private var nextDescriptor = firstDescriptor
    var changeCount = 0
    var powerEndsAfter = Int.max

    var hasNoPower: Bool { changeCount >= powerEndsAfter }

    static func normal(_ path: String) -> String {
        path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }

    private static func parent(_ path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }

    /// Counts a change; false when there is no power for it.
    private mutating func change() -> Bool {
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
        if directories.contains(path) {
            return flags.contains(.readOnly) ? add(.directory(path)) : -EISDIR
        }
        if flags.contains(.directory) { return names[path] == nil ? -ENOENT : -ENOTDIR }
        if let number = names[path] {
            if flags.contains(.exclusive) { return -EEXIST }
            if flags.contains(.truncate) {
                guard change() else { return -EIO }
                record(.length(0), number)
            }
            return add(.file(number, isReadOnly: flags.contains(.readOnly)))
        }
        guard flags.contains(.create), directories.contains(Self.parent(path)) else {
            return -ENOENT
        }
        guard change() else { return -EIO }
        files.append(File())
        names[path] = files.count - 1
        volatileNames.append(.added(path, files.count - 1))
        return add(.file(files.count - 1, isReadOnly: false))
    }

    mutating func rename(_ path: String, _ target: String) -> CInt {
        guard let number = names[path] else { return hasNoPower ? -EIO : -ENOENT }
        guard change() else { return -EIO }
        names[path] = nil
        names[target] = number
        volatileNames.append(.renamed(path, target))
        return 0
    }

    mutating func unlink(_ path: String) -> CInt {
        guard names[path] != nil else { return hasNoPower ? -EIO : -ENOENT }
        guard change() else { return -EIO }
        names[path] = nil
        volatileNames.append(.removed(path))
        return 0
    }

    /// Removes a file without a trace.
    mutating func erase(_ path: String) {
        names[path] = nil
        durableNames[path] = nil
        volatileNames.removeAll { $0.path == path }
    }

    mutating func makeDirectory(_ path: String) -> CInt {
        if hasNoPower { return -EIO }
        guard directories.contains(Self.parent(path)) else { return -ENOENT }
        return directories.insert(path).inserted ? 0 : -EEXIST
    }

    mutating func removeDirectory(_ path: String) -> CInt {
        if hasNoPower { return -EIO }
        guard directories.contains(path) else { return -ENOENT }
        guard list(path).isEmpty else { return -ENOTEMPTY }
        directories.remove(path)
        return 0
    }

    func list(_ descriptor: CInt) -> [String]? {
        guard !hasNoPower, case .directory(let path) = handles[descriptor] else { return nil }
        return list(path)
    }

    private func list(_ path: String) -> [String] {
        let all =
            names.keys.filter { Self.parent($0) == path }
            + directories.filter { $0 != "" && Self.parent($0) == path }
        return all.map { String($0.dropFirst(path.isEmpty ? 0 : path.count + 1)) }.sorted()
    }

    func status(_ path: String) -> FileStatus? {
        if hasNoPower { return nil }
        if directories.contains(path) {
            return FileStatus(kind: .directory, size: 0, device: 1, serial: 0)
        }
        return names[path].map { status(of: $0) }
    }

    func status(_ descriptor: CInt) -> FileStatus? {
        if hasNoPower { return nil }
        switch handles[descriptor] {
        case .file(let number, _): return status(of: number)
        case .directory: return FileStatus(kind: .directory, size: 0, device: 1, serial: 0)
        case nil: return nil
        }
    }

    private func status(of number: Int) -> FileStatus {
        FileStatus(
            kind: .file, size: Int64(files[number].bytes.count), device: 1,
            serial: UInt64(number) + 1)
    }

    // MARK: Contents

    func read(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, _ offset: Int) -> Int {
        if hasNoPower { return -Int(EIO) }
        guard case .file(let number, _) = handles[descriptor] else { return -Int(EBADF) }
        return unsafe files[number].bytes.withUnsafeBytes { bytes in
            var done = 0
            for index in vectors.indices {
                let vector = unsafe vectors[index]
                let count = unsafe min(vector.iov_len, max(0, bytes.count - offset - done))
                if count > 0 {
                    unsafe vector.iov_base.copyMemory(
                        from: bytes.baseAddress! + offset + done, byteCount: count)
                }
                done += count
            }
            return done
        }
    }

    mutating func write(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, _ offset: Int
    ) -> Int {
        guard case .file(let number, let isReadOnly) = handles[descriptor], !isReadOnly else {
            return hasNoPower ? -Int(EIO) : -Int(EBADF)
        }
        guard change() else { return -Int(EIO) }
        var bytes: [UInt8] = []
        for index in vectors.indices {
            let vector = unsafe vectors[index]
            unsafe bytes.append(
                contentsOf: UnsafeRawBufferPointer(start: vector.iov_base, count: vector.iov_len))
        }
        record(.write(offset: offset, bytes), number)
        return bytes.count
    }

    mutating func truncate(_ descriptor: CInt, _ size: Int, onlyGrowing: Bool) -> CInt {
        guard case .file(let number, let isReadOnly) = handles[descriptor], !isReadOnly else {
            return hasNoPower ? -EIO : -EBADF
        }
        guard change() else { return -EIO }
        if !onlyGrowing || size > files[number].bytes.count { record(.length(size), number) }
        return 0
    }

    private mutating func record(_ change: File.Change, _ number: Int) {
        files[number].apply(change)
        files[number].volatile.append(change)
    }

    mutating func sync(_ descriptor: CInt) -> CInt {
        guard let handle = handles[descriptor] else { return hasNoPower ? -EIO : -EBADF }
        guard change() else { return -EIO }
        switch handle {
        case .file(let number, _):
            files[number].settle()
        case .directory(let path):
            let changes = volatileNames.filter { Self.parent($0.path) == path }
            volatileNames.removeAll { Self.parent($0.path) == path }
            for change in changes { apply(change, to: &durableNames) }
        }
        return 0
    }

    private func apply(_ change: NameChange, to names: inout [String: Int]) {
        switch change {
        case .added(let path, let number): names[path] = number
        case .removed(let path): names[path] = nil
        case .renamed(let path, let target):
            if let number = names.removeValue(forKey: path) { names[target] = number }
        }
    }

    // MARK: Power

    /// The same files, all durable, with nobody using them.
    func settled() -> SimulatedFiles {
        var result = SimulatedFiles()
        result.files = files
        for number in result.files.indices { result.files[number].settle() }
        result.names = names
        result.durableNames = names
        result.directories = directories
        return result
    }

    /// What a power cut leaves.
    func surviving(_ seed: UInt64) -> SimulatedFiles {
        var random = SplitMix64(seed: seed)
        var result = self
        var found = durableNames
        // A file system's journal keeps the order of its changes.
        for change in volatileNames.prefix(random.below(volatileNames.count + 1)) {
            apply(change, to: &found)
        }
        result.names = found
        // Often all of it is lost, or all is kept; what lies between is where mistakes hide.
        let temper = random.below(4)
        for number in result.files.indices {
            var bytes = files[number].durable
            for change in files[number].volatile {
                switch temper {
                case 0: continue
                case 1: File.apply(change, to: &bytes)
                default: Self.applyPart(of: change, to: &bytes, &random)
                }
            }
            result.files[number].bytes = bytes
        }
        return result.settled()
    }

    private static func applyPart(
        of change: File.Change, to bytes: inout [UInt8], _ random: inout SplitMix64
    ) {
        switch random.below(3) {
        case 0: return
        case 1: File.apply(change, to: &bytes)
        default:
            guard case .write(let offset, let new) = change else { return }
            var start = 0
            while start < new.count {
                let end = min(new.count, (offset + start) / sector * sector + sector - offset)
                if random.below(2) == 0 {
                    File.apply(
                        .write(offset: offset + start, Array(new[start..<end])), to: &bytes)
                }
                start = end
            }
        }
    }
}
