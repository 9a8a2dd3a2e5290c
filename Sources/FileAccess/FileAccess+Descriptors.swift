internal import AsyncIO
internal import Logging
internal import Synchronization
internal import Threads

/// The open kernel descriptors, as a clock. Guarded by the lock of ``FileAccess``.
struct DescriptorTable {
    private(set) var slots: [DescriptorSlot] = []
    private var hand = 0

    mutating func append(_ slot: DescriptorSlot) {
        slot.clockPosition = slots.count
        slots.append(slot)
    }

    /// Constant time: the last entry moves into the free place.
    mutating func remove(_ slot: DescriptorSlot) {
        let position = slot.clockPosition
        guard position >= 0 else { return }
        slot.clockPosition = -1
        let last = slots.removeLast()
        if last === slot { return }
        slots[position] = last
        last.clockPosition = position
    }

    /// Takes out one descriptor that has no holder and was not used since the hand last passed.
    ///
    /// - Returns: nil if all have holders. Only then does the time grow with the open descriptors.
    mutating func evict() -> CInt? {
        // The first turn may only clear marks; the second finds any descriptor without a holder.
        var remaining = 2 * slots.count
        while remaining > 0 {
            remaining -= 1
            if hand >= slots.count { hand = 0 }
            let slot = slots[hand]
            if !slot.passUsed(), let descriptor = slot.evict() {
                remove(slot)
                return descriptor
            }
            hand += 1
        }
        return nil
    }
}

extension FileAccess {
    /// Holds the descriptor of a file that has none open, opening it unless another thread did.
    func holdSlowly(_ slot: DescriptorSlot) throws(StorageError) -> CInt {
        let result: Result<CInt, StorageError> = table.withLock { table in
            if slot.isClosed {
                return .failure(
                    StorageError(
                        .closed, "file \"\(slot.path)\" has been closed",
                        remedy: "Open it again.", at: .init(path: slot.path)))
            }
            if slot.isOpen {
                // Another thread opened it. No thread can take it out while the lock is held.
                if let descriptor = slot.hold() { return .success(descriptor) }
                preconditionFailure("a descriptor stays open under the lock")
            }
            return openAgain(slot, &table)
        }
        return try result.get()
    }

    /// Opens a file for the first time. The descriptor has no holder afterwards.
    ///
    /// No other thread knows the slot yet, so the kernel opens the file without the lock: threads
    /// that open many files do not wait for each other.
    func openFirst(_ slot: DescriptorSlot, _ flags: FileOpenFlags) throws(StorageError) {
        let refusal = table.withLock { table in
            makeRoom { evictOne(&table) }
        }
        let descriptor =
            refusal
            ?? openKernel(slot.path, flags) {
                table.withLock { table in evictOne(&table) }
            }
        guard descriptor >= 0 else { throw openError(slot, flags, errorNumber: -descriptor) }
        switch identify(descriptor, slot) {
        case .failure(let error):
            closeKernel(descriptor, slot.path)
            throw error
        case .success(let identity):
            slot.identity = identity
        }
        table.withLock { table in
            slot.publish(descriptor)
            // The slot is not closed, so giving back never returns the descriptor.
            _ = slot.giveBack()
            table.append(slot)
            // Other threads may have opened files at the same time, and found none to close.
            while hasOverrun, evictOne(&table) {}
        }
    }

    private func openAgain(_ slot: DescriptorSlot, _ table: inout DescriptorTable)
        -> Result<CInt, StorageError>
    {
        let descriptor =
            makeRoom { evictOne(&table) }
            ?? openKernel(slot.path, slot.flags) { evictOne(&table) }
        guard descriptor >= 0 else {
            return .failure(openError(slot, slot.flags, errorNumber: -descriptor))
        }
        let failure: StorageError
        switch identify(descriptor, slot) {
        case .success(let found):
            if let known = slot.identity, known == found {
                slot.publish(descriptor)
                table.append(slot)
                return .success(descriptor)
            }
            failure = StorageError(
                .fileReplaced, "another file has taken the place of \"\(slot.path)\"",
                remedy: "Do not change the store's files while it is open; reopen the store.",
                at: .init(path: slot.path))
        case .failure(let error):
            failure = error
        }
        closeKernel(descriptor, slot.path)
        return .failure(failure)
    }

    /// Returns the identity of the file behind a fresh descriptor, or an error if it is not a file
    /// of the expected kind.
    private func identify(_ descriptor: CInt, _ slot: DescriptorSlot)
        -> Result<(device: UInt64, serial: UInt64), StorageError>
    {
        var status = FileStatus(kind: .other, size: 0, device: 0, serial: 0)
        let error = retrying { fileSystem.status(descriptor, into: &status) }
        if error < 0 {
            return .failure(
                .file(
                    .fileStatusFailed, "could not read the status of file \"\(slot.path)\"",
                    path: slot.path, errorNumber: -error))
        }
        if status.kind == .directory, !slot.flags.contains(.directory) {
            return .failure(openError(slot, slot.flags, errorNumber: EISDIR))
        }
        if status.kind == .other {
            return .failure(
                StorageError(
                    .fileOpenFailed,
                    "\"\(slot.path)\" is a device, a pipe or a socket, where a file should be",
                    remedy: "Move it away, and restore the file.", at: .init(path: slot.path)))
        }
        return .success((status.device, status.serial))
    }

    /// Counts a kernel descriptor that is about to be opened, and makes room for it.
    ///
    /// - Parameter evict: closes an idle descriptor. Returns false if there is none.
    /// - Returns: a negated `errno` if there is no room; nil if there is.
    private func makeRoom(_ evict: () -> Bool) -> CInt? {
        while counters.kernelDescriptors.load(ordering: .relaxed) >= maximumOpenFiles {
            if evict() { continue }
            guard
                counters.kernelDescriptors.load(ordering: .relaxed)
                    < FileAccessConfiguration.descriptorCeiling
            else { return -EMFILE }
            counters.overruns.add(1, ordering: .relaxed)
            break
        }
        counters.kernelDescriptors.add(1, ordering: .relaxed)
        return nil
    }

    /// Opens a kernel descriptor that ``makeRoom(_:)`` has counted.
    ///
    /// - Parameter evict: closes an idle descriptor. Returns false if there is none.
    /// - Returns: the descriptor, or a negated `errno`; then it is no longer counted.
    private func openKernel(_ path: String, _ flags: FileOpenFlags, evict: () -> Bool) -> CInt {
        while true {
            let descriptor = retrying { fileSystem.open(path, in: rootDescriptor, flags) }
            if descriptor >= 0 {
                counters.opens.add(1, ordering: .relaxed)
                return descriptor
            }
            // Other code in the process took the descriptors; closing an idle one helps.
            guard descriptor == -EMFILE || descriptor == -ENFILE, evict() else {
                counters.kernelDescriptors.subtract(1, ordering: .relaxed)
                return descriptor
            }
        }
    }

    /// Whether more kernel descriptors are open than configured.
    var hasOverrun: Bool {
        counters.kernelDescriptors.load(ordering: .relaxed) > maximumOpenFiles
    }

    /// Closes the descriptor of a file that was just given back, so that the configured limit holds
    /// again. Does nothing while another thread has the lock, since that thread makes room itself.
    func closeOverrun(_ slot: DescriptorSlot) {
        let descriptor = table.withLockIfAvailable { table -> CInt? in
            guard hasOverrun, let descriptor = slot.evict() else { return nil }
            table.remove(slot)
            return descriptor
        }
        guard case .some(.some(let descriptor)) = descriptor else { return }
        counters.evictions.add(1, ordering: .relaxed)
        closeKernel(descriptor, slot.path)
    }

    private func evictOne(_ table: inout DescriptorTable) -> Bool {
        guard let victim = table.evict() else { return false }
        counters.evictions.add(1, ordering: .relaxed)
        closeKernel(victim, nil)
        return true
    }

    /// Closes a kernel descriptor. Any thread; takes no lock.
    func closeKernel(_ descriptor: CInt, _ path: String?) {
        // Whatever `close` returns, the descriptor is gone; durability never depends on it.
        let error = fileSystem.close(descriptor)
        counters.kernelDescriptors.subtract(1, ordering: .relaxed)
        if error < 0 && error != -EINTR {
            logger.warning(
                "closing a file failed", metadata: ["path": "\(path ?? "")", "errno": "\(-error)"])
        }
    }

    private func openError(_ slot: DescriptorSlot, _ flags: FileOpenFlags, errorNumber: CInt)
        -> StorageError
    {
        let what = flags.contains(.directory) ? "directory" : "file"
        if errorNumber == EINVAL && flags.contains(.direct) {
            return .file(
                .directIOUnsupported, "could not open file \"\(slot.path)\" for direct IO",
                path: slot.path, errorNumber: errorNumber,
                remedy: "Turn direct IO off, or use a file system that supports it.")
        }
        let verb = flags.contains(.create) ? "create" : "open"
        return .file(
            .opening(errorNumber: errorNumber), "could not \(verb) \(what) \"\(slot.path)\"",
            path: slot.path, errorNumber: errorNumber)
    }
}
