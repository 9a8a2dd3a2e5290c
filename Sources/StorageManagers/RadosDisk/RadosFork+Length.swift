#if RADOS
    internal import AsyncIO
    internal import StorageManager
    internal import Threads

    /// Growing, cutting and syncing.
    extension RadosFork {
        /// The greatest number of objects made ahead of use.
        private static let maximumAhead = 64

        /// Adds blocks of zeroes up to `count`.
        func grow(to count: Int) throws(StorageError) {
            try changing.withLock { () throws(StorageError) in
                try prepare(count)
                state.withLock { state in
                    guard Int(state.count) < count else { return }
                    state.count = UInt32(count)
                    state.isDirty = true
                }
            }
        }

        /// Adds one page as the block `count - 1`.
        func append(_ count: Int, _ write: () throws(StorageError) -> Void) throws(StorageError) {
            try changing.withLock { () throws(StorageError) in
                try prepare(count)
                do throws(StorageError) {
                    try write()
                } catch {
                    // The write may still arrive, where the next growth needs zeroes.
                    state.withLock { $0.cutBehindCount() }
                    throw error
                }
                state.withLock { state in
                    state.count = max(state.count, UInt32(count))
                    state.isDirty = true
                }
            }
        }

        /// Makes sure that objects exist for `count` blocks, and that the new ones are empty.
        private func prepare(_ count: Int) throws(StorageError) {
            try checkWritable("extend")
            try space.cluster.checkUsable()
            if state.withLock({ !$0.isLoaded }) { try load() }
            guard count <= Int(BlockNumber.maximumCount) else {
                throw StorageError(
                    .extendFailed,
                    "could not extend relation \(locator)\(fork.suffix): it can have at most"
                        + " \(BlockNumber.maximumCount) blocks",
                    remedy: "Spread the data over several relations.", at: location())
            }
            try settle()
            let (found, objects) = state.withLock { ($0.header, $0.objects) }
            guard var header = found else { throw missing }
            let needed =
                (count + ObjectGeometry.blocksPerObject - 1)
                / ObjectGeometry.blocksPerObject
            if needed <= objects { return }
            let target = max(needed, objects + min(max(1, objects / 4), Self.maximumAhead))
            // The header goes first: it must name all objects that can exist.
            if ObjectGeometry.objects(for: header.reservedCount) < target {
                header.reservedCount = ObjectGeometry.blocks(of: target)
                let result = write(header)
                guard result == 0 else {
                    throw failure(.extendFailed, "extend", result, object: headerName)
                }
                state.withLock { $0.header = header }
            }
            try makeObjects(objects..<target, header.incarnation)
            state.withLock { $0.objects = target }
        }

        private func makeObjects(_ range: Range<Int>, _ incarnation: UInt64) throws(StorageError) {
            var isEmptied = false
            while true {
                let made = space.cluster.forEach(range) { object, operation in
                    operation.createExclusively()
                    operation.setEpoch(space.epoch)
                    operation.expect(
                        byteCount: ObjectGeometry.objectBytes, writes: ScratchBuffers.byteCount)
                    return objectName(object, of: incarnation)
                }
                if made.result == 0 { return }
                guard made.result == -EEXIST, !isEmptied else {
                    throw failure(
                        .extendFailed, "extend", made.result,
                        object: objectName(made.number, of: incarnation))
                }
                // An earlier attempt, or a process that is gone, may have made some of them.
                let emptied = space.cluster.forEach(range, tolerating: -ENOENT) {
                    object, operation in
                    operation.requireNoLaterEpoch(space.epoch)
                    operation.remove()
                    return objectName(object, of: incarnation)
                }
                guard emptied.result == 0 else {
                    throw failure(
                        .extendFailed, "extend", emptied.result,
                        object: objectName(emptied.number, of: incarnation))
                }
                isEmptied = true
            }
        }

        /// Cuts the fork to `count` blocks if it is longer.
        func cut(to count: UInt32) throws(StorageError) {
            try changing.withLock { () throws(StorageError) in
                if state.withLock({ !$0.isLoaded }) { try load() }
                guard state.withLock({ $0.header != nil }) else { throw missing }
                let isLonger = state.withLock { state in
                    guard state.count > count else { return false }
                    state.count = count
                    // Readers see it as cut.
                    if space.isReadOnly { return false }
                    state.cutBehindCount()
                    return true
                }
                if isLonger { try settle() }
            }
        }

        /// Finishes a cut: the header records the new length and what must be cleared, objects are
        /// removed, and the header records that this is done. Repeating it is harmless. The fork
        /// does not grow before it is done.
        func settle() throws(StorageError) {
            let (found, count) = state.withLock { ($0.header, $0.count) }
            guard var header = found, header.cutEnd > 0 else { return }
            let kept = ObjectGeometry.objects(for: count)
            header.exactCount = count
            header.reservedCount = ObjectGeometry.blocks(of: kept)
            try write(header, "truncate")
            let end = max(kept, ObjectGeometry.objects(for: header.cutEnd))
            let rest = ObjectGeometry.offset(count)
            let cut = space.cluster.forEach(
                (rest > 0 ? kept - 1 : kept)..<end, tolerating: -ENOENT
            ) { object, operation in
                operation.requireNoLaterEpoch(space.epoch)
                if object < kept { operation.truncate(to: rest) } else { operation.remove() }
                return objectName(object, of: header.incarnation)
            }
            guard cut.result == 0 else {
                throw failure(
                    .truncateFailed, "truncate", cut.result,
                    object: objectName(cut.number, of: header.incarnation))
            }
            state.withLock { $0.objects = kept }
            header.cutEnd = 0
            try write(header, "truncate")
            state.withLock { state in
                state.header = header
                state.isDirty = false
            }
        }

        private func write(_ header: ForkHeader, _ what: String) throws(StorageError) {
            let result = write(header)
            guard result == 0 else {
                throw failure(.truncateFailed, what, result, object: headerName)
            }
        }

        /// Makes the length durable; pages are durable once written.
        func sync() throws(StorageError) {
            if space.isReadOnly { return }
            if state.withLock({ !$0.isDirty && ($0.header?.cutEnd ?? 0) == 0 }) { return }
            try changing.withLock { () throws(StorageError) in
                try settle()
                let (found, count, isDirty) = state.withLock { state in
                    defer { state.isDirty = false }
                    return (state.header, state.count, state.isDirty)
                }
                guard isDirty, var header = found, header.exactCount != count else { return }
                header.exactCount = count
                let result = write(header)
                guard result == 0 else {
                    state.withLock { $0.isDirty = true }
                    throw failure(.writeFailed, "sync the length of", result, object: headerName)
                }
                state.withLock { $0.header = header }
            }
        }
    }
#endif
