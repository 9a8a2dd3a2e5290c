internal import Threads

/// The contents of files.
extension SimulatedFiles {
    private static let block = 8192

    mutating func read(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, _ offset: Int
    ) -> Int {
        if hasNoPower { return -Int(EIO) }
        guard case .file(let number, _) = handles[descriptor] else { return -Int(EBADF) }
        let result = unsafe readNow(number, vectors, offset)
        fate.note(.read, files[number].name, offset, 0, result)
        return result
    }

    private mutating func readNow(
        _ number: Int, _ vectors: UnsafeBufferPointer<iovec>, _ offset: Int
    ) -> Int {
        let error = fate.error(.read)
        if error < 0 { return Int(error) }
        let wanted = unsafe vectors.reduce(0) { unsafe $0 + $1.iov_len }
        let present = min(wanted, max(0, files[number].bytes.count - offset))
        let limit = fate.transferred(of: present)
        return unsafe files[number].bytes.withUnsafeBytes { bytes in
            var done = 0
            for index in vectors.indices where done < limit {
                let vector = unsafe vectors[index]
                let count = unsafe min(vector.iov_len, limit - done)
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
        if hasNoPower { return -Int(EIO) }
        guard case .file(let number, let isReadOnly) = handles[descriptor], !isReadOnly else {
            return -Int(EBADF)
        }
        let result = unsafe writeNow(number, vectors, offset)
        fate.note(.write, files[number].name, offset, 0, result)
        return result
    }

    private mutating func writeNow(
        _ number: Int, _ vectors: UnsafeBufferPointer<iovec>, _ offset: Int
    ) -> Int {
        let error = fate.error(.write)
        if error < 0 { return Int(error) }
        guard change() else { return -Int(EIO) }
        let wanted = unsafe vectors.reduce(0) { unsafe $0 + $1.iov_len }
        let count = fate.transferred(of: wanted)
        let bytes = unsafe Self.gather(vectors, count)
        switch fate.silentFault() {
        case .lostWrite: lose(number, offset, count)
        case .misdirectedWrite: misdirect(number, offset, bytes)
        default: files[number].record(.write(offset: offset, bytes))
        }
        if fate.rots() { rot() }
        return count
    }

    /// The first bytes of the vectors' memory.
    private static func gather(_ vectors: UnsafeBufferPointer<iovec>, _ count: Int) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            for index in vectors.indices where initialized < count {
                let part = unsafe min(vectors[index].iov_len, count - initialized)
                guard part > 0 else { continue }
                unsafe UnsafeMutableRawPointer(target.baseAddress! + initialized)
                    .copyMemory(from: vectors[index].iov_base, byteCount: part)
                initialized += part
            }
        }
    }

    /// Loses a write. The file gets as long as if it had been made.
    private mutating func lose(_ number: Int, _ offset: Int, _ count: Int) {
        fate.counts[.lostWrite] += 1
        if files[number].bytes.count < offset + count {
            files[number].record(.length(offset + count))
        }
    }

    /// Writes to another block of the file, or to the same block of another file.
    private mutating func misdirect(_ number: Int, _ offset: Int, _ bytes: [UInt8]) {
        lose(number, offset, bytes.count)
        fate.counts[.lostWrite] -= 1
        fate.counts[.misdirectedWrite] += 1
        let others = names.files.compactMap { names.file($0) }.filter { $0 != number }
        let (target, place): (Int, Int)
        if fate.random.below(2) == 0, !others.isEmpty {
            (target, place) = (others[fate.random.below(others.count)], offset)
        } else {
            let blocks = max(1, files[number].bytes.count / Self.block)
            (target, place) = (number, fate.random.below(blocks) * Self.block)
        }
        // It makes no file longer.
        let room = max(0, files[target].bytes.count - place)
        if room > 0 { files[target].record(.write(offset: place, Array(bytes.prefix(room)))) }
    }

    /// Flips a bit of some file.
    private mutating func rot() {
        let all = names.files.compactMap { names.file($0) }
            .filter { !files[$0].durable.isEmpty }
        guard !all.isEmpty else { return }
        let number = all[fate.random.below(all.count)]
        files[number].flip(fate.random.below(files[number].durable.count * 8))
        fate.counts[.bitRot] += 1
    }

    mutating func truncate(_ descriptor: CInt, _ size: Int, onlyGrowing: Bool) -> CInt {
        if hasNoPower { return -EIO }
        guard case .file(let number, let isReadOnly) = handles[descriptor], !isReadOnly else {
            return -EBADF
        }
        let call = onlyGrowing ? SimulatedCall.allocate : .truncate
        var result = fate.error(call)
        if result == 0 {
            if change() {
                if !onlyGrowing || size > files[number].bytes.count {
                    files[number].record(.length(size))
                }
            } else {
                result = -EIO
            }
        }
        fate.note(call, files[number].name, 0, size, Int(result))
        return result
    }

    mutating func sync(_ descriptor: CInt) -> CInt {
        if hasNoPower { return -EIO }
        guard let handle = handles[descriptor] else { return -EBADF }
        var result = fate.error(.sync)
        if result == -EINTR {
            return result
        }
        guard change() else { return -EIO }
        if result == 0, fate.failsSync() { result = -EIO }
        if case .file(let number, _) = handle, unreported.remove(number) != nil { result = -EIO }
        if result < 0 { fate.counts[.failedSync] += 1 }
        switch handle {
        case .file(let number, _):
            if result == 0 {
                files[number].settle()
            } else if files[number].abandon(&fate.random, tearBytes: fate.tearBytes) > 0 {
                abandoned.insert(number)
            }
            fate.note(.sync, files[number].name, 0, 0, Int(result))
        case .directory(let path):
            if result == 0 {
                names.settle(path)
            } else {
                names.abandon(path, &fate.random)
            }
            fate.note(.sync, path, 0, 0, Int(result))
        }
        return result
    }

    /// Syncs all files and names. Of a failure, some files are none the worse. The others say so
    /// when they are synced themselves; only then does it count, since it may have met none.
    mutating func syncAll(_ descriptor: CInt) -> CInt {
        if hasNoPower { return -EIO }
        guard handles[descriptor] != nil else { return -EBADF }
        var result = fate.error(.sync)
        if result == -EINTR { return result }
        guard change() else { return -EIO }
        if result == 0, fate.failsSync() { result = -EIO }
        for number in files.indices where !files[number].volatile.isEmpty {
            if result == 0 || fate.random.below(2) == 0 {
                files[number].settle()
            } else {
                unreported.insert(number)
                if files[number].abandon(&fate.random, tearBytes: fate.tearBytes) > 0 {
                    abandoned.insert(number)
                }
            }
        }
        if result == 0 { names.settleAll() }
        fate.note(.sync, "all", 0, 0, Int(result))
        return result
    }

    /// Whether a sync of all has lost something that was written to a file.
    mutating func writeError(_ descriptor: CInt) -> CInt {
        if hasNoPower { return -EIO }
        guard case .file(let number, _) = handles[descriptor] else { return -ESPIPE }
        if unreported.remove(number) == nil { return 0 }
        fate.counts[.failedSync] += 1
        return -EIO
    }

    /// Makes the cache forget what failed syncs left in it.
    mutating func revertAbandoned() {
        for number in abandoned.sorted() {
            files[number].dropCleanCache()
            fate.counts[.revertedCache] += 1
        }
        abandoned = []
    }
}
