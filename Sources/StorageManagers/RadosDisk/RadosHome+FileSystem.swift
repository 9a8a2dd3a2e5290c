#if RADOS
    public import FileAccess
    public import Threads

    /// The calls of ``FileSystem``.
    extension RadosHome {
        /// The directories that every store has. Nothing can be made in them.
        private static let directories: [String: [String]] = [
            "": ["base", "global"], "base": ["1"], "base/1": [], "global": [],
        ]

        /// The greatest length of a file in bytes; one operation replaces all of it.
        private static let greatestLength = 64 << 20

        /// False: operations take time, and other processes proceed meanwhile.
        public var isSimulated: Bool { false }

        /// False: relations are the manager's.
        public var keepsRelationFiles: Bool { false }

        /// Opens the namespace. The path is used in messages only.
        public func openRoot(_ path: FilePath) -> CInt {
            state.withLock { $0.open(.directory("")) }
        }

        /// Opens a file or directory.
        public func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
            let path = Self.normal(path)
            if Self.directories[path] != nil {
                if flags.contains(.create)
                    || !flags.contains(.readOnly) && !flags.contains(.directory)
                {
                    return -EISDIR
                }
                return state.withLock { $0.open(.directory(path)) }
            }
            let isWritable = !flags.contains(.readOnly)
            if isWritable && space.isReadOnly { return -EROFS }
            return state.withLock { state in
                if let file = state.names[path] {
                    if flags.contains(.directory) { return -ENOTDIR }
                    if flags.contains(.exclusive) { return -EEXIST }
                    let result = file.load(space.cluster)
                    if result < 0 { return result }
                    if flags.contains(.truncate) { file.bytes = [] }
                    return state.open(.file(file, isWritable: isWritable))
                }
                guard flags.contains(.create) else { return -ENOENT }
                if space.isReadOnly { return -EROFS }
                guard Self.mayBeMade(path) else { return -EOPNOTSUPP }
                let file = HomeFile(UInt64.random(in: 1...UInt64.max), isLoaded: true)
                state.names[path] = file
                return state.open(.file(file, isWritable: isWritable))
            }
        }

        /// Forgets the descriptor.
        public func close(_ descriptor: CInt) -> CInt {
            state.withLock { $0.handles.removeValue(forKey: descriptor) == nil ? -EBADF : 0 }
        }

        /// Reads from memory.
        @unsafe
        public func read(
            _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
        ) -> Int {
            state.withLock { state in
                guard case .file(let file, _) = state.handles[descriptor] else {
                    return -Int(EBADF)
                }
                var position = max(0, Int(offset))
                var total = 0
                for number in vectors.indices {
                    let vector = unsafe vectors[number]
                    let count = unsafe min(vector.iov_len, max(0, file.bytes.count - position))
                    guard count > 0, let target = unsafe vector.iov_base else { continue }
                    unsafe file.bytes.withUnsafeBytes { bytes in
                        guard let source = bytes.baseAddress else { return }
                        unsafe target.copyMemory(from: source + position, byteCount: count)
                    }
                    position += count
                    total += count
                }
                return total
            }
        }

        /// Writes to memory; ``sync(_:dataOnly:)`` makes it durable.
        @unsafe
        public func write(
            _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
        ) -> Int {
            state.withLock { state in
                guard case .file(let file, true) = state.handles[descriptor] else {
                    return -Int(EBADF)
                }
                var position = max(0, Int(offset))
                var total = 0
                for number in vectors.indices {
                    let vector = unsafe vectors[number]
                    let count = unsafe vector.iov_len
                    guard count > 0, let source = unsafe vector.iov_base else { continue }
                    guard position + count <= Self.greatestLength else {
                        return total > 0 ? total : -Int(EFBIG)
                    }
                    let missing = position + count - file.bytes.count
                    if missing > 0 { file.bytes += [UInt8](repeating: 0, count: missing) }
                    unsafe file.bytes.withUnsafeMutableBytes { bytes in
                        guard let target = bytes.baseAddress else { return }
                        unsafe (target + position).copyMemory(from: source, byteCount: count)
                    }
                    position += count
                    total += count
                }
                return total
            }
        }

        /// Makes a file's contents durable, or all names.
        public func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt {
            state.withLock { state in
                switch state.handles[descriptor] {
                case .file(let file, _): space.isReadOnly ? 0 : file.store(space)
                case .directory: space.isReadOnly ? 0 : syncNames(&state)
                case nil: -EBADF
                }
            }
        }

        /// Sets the length in memory.
        public func truncate(_ descriptor: CInt, to size: Int64) -> CInt {
            state.withLock { state in
                guard case .file(let file, true) = state.handles[descriptor] else { return -EBADF }
                guard size <= Int64(Self.greatestLength) else { return -EFBIG }
                let change = Int(size) - file.bytes.count
                if change > 0 { file.bytes += [UInt8](repeating: 0, count: change) }
                if change < 0 { file.bytes.removeLast(-change) }
                return 0
            }
        }

        /// Not possible.
        public func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
            -EOPNOTSUPP
        }

        /// Does nothing: the contents are in memory.
        public func prefetch(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt { 0 }

        /// Does nothing.
        public func startWriteback(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt { 0 }

        /// Reads the status of an open file.
        public func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
            let found = state.withLock { state -> FileStatus? in
                switch state.handles[descriptor] {
                case .file(let file, _): self.status(of: file)
                case .directory: directoryStatus
                case nil: nil
                }
            }
            guard let found else { return -EBADF }
            status = found
            return 0
        }

        /// Reads the status of a file by name.
        public func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
            let path = Self.normal(path)
            if Self.directories[path] != nil {
                status = directoryStatus
                return 0
            }
            var (found, result) = (FileStatus?.none, -ENOENT)
            state.withLock { state in
                guard let file = state.names[path] else { return }
                result = file.load(space.cluster)
                found = self.status(of: file)
            }
            if let found, result == 0 { status = found }
            return result
        }

        /// Renames a file in memory.
        public func rename(_ path: String, to target: String, in root: CInt) -> CInt {
            if space.isReadOnly { return -EROFS }
            let (path, target) = (Self.normal(path), Self.normal(target))
            guard Self.mayBeMade(target) else { return -EOPNOTSUPP }
            return state.withLock { state in
                guard let file = state.names.removeValue(forKey: path) else { return -ENOENT }
                if let old = state.names.updateValue(file, forKey: target), old !== file {
                    state.gone.insert(old.number)
                }
                return 0
            }
        }

        /// Removes a file's name in memory.
        public func unlink(_ path: String, in root: CInt) -> CInt {
            if space.isReadOnly { return -EROFS }
            return state.withLock { state in
                guard let file = state.names.removeValue(forKey: Self.normal(path)) else {
                    return -ENOENT
                }
                state.gone.insert(file.number)
                return 0
            }
        }

        /// Not possible: every store has the same directories.
        public func removeDirectory(_ path: String, in root: CInt) -> CInt { -EOPNOTSUPP }

        /// Every store has the same directories.
        public func makeDirectory(_ path: String, in root: CInt) -> CInt {
            Self.directories[Self.normal(path)] == nil ? -EOPNOTSUPP : -EEXIST
        }

        /// Appends the names in an open directory.
        public func list(_ descriptor: CInt, into names: inout [String]) -> CInt {
            let found = state.withLock { state -> [String]? in
                guard case .directory(let path) = state.handles[descriptor] else { return nil }
                let files = path.isEmpty ? state.names.keys.sorted() : []
                return (Self.directories[path] ?? []) + files
            }
            guard let found else { return -ENOTDIR }
            names += found
            return 0
        }

        // MARK: Names

        private static func normal(_ path: String) -> String {
            if path == "." { return "" }
            return path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        }

        /// Whether it is a name that a store's own file can have.
        private static func mayBeMade(_ path: String) -> Bool {
            !path.isEmpty && !path.utf8.contains(UInt8(ascii: "/"))
                && !path.utf8.contains(UInt8(ascii: "\n"))
        }

        private var directoryStatus: FileStatus {
            FileStatus(kind: .directory, size: 0, device: device, serial: 0)
        }

        private func status(of file: HomeFile) -> FileStatus {
            FileStatus(
                kind: .file, size: Int64(file.bytes.count), device: device, serial: file.number)
        }

        /// No kernel's device.
        private var device: UInt64 { UInt64.max }
    }
#endif
