#if RADOS
    internal import AsyncIO
    internal import StorageManager
    internal import Threads

    /// Making, finding and removing a fork. Callers must hold ``RadosFork/changing``.
    extension RadosFork {
        /// Reads the header object, and settles what a process left that did not end in order.
        func load() throws(StorageError) {
            try space.cluster.checkUsable()
            if space.isReadOnly { return try look() }
            // From here on, no earlier process can change the header.
            let fence = WriteOperation()
            fence.requireNoLaterEpoch(space.epoch)
            fence.setEpoch(space.epoch)
            let result = fence.run(on: headerName, space.cluster)
            if result == -ENOENT { return set(nil) }
            guard result == 0 else {
                throw failure(.readFailed, "open", result, object: headerName)
            }
            var header = try readHeader()
            if header.isRemoved {
                try finishRemoval(header)
                return set(nil)
            }
            if header.sweptEpoch < space.epoch.number { try takeOver(&header) }
            set(header)
            if header.cutEnd > 0 { try settle() }
        }

        /// Reads the header object, and sees the fork as a writer would settle it.
        private func look() throws(StorageError) {
            if space.cluster.size(of: headerName) == -Int(ENOENT) { return set(nil) }
            var header = try readHeader()
            if header.isRemoved { return set(nil) }
            if header.sweptEpoch < space.epoch.number, header.cutEnd == 0 {
                let objects = ObjectGeometry.objects(for: header.reservedCount)
                header.exactCount = try max(header.exactCount, writtenEnd(header, objects))
            }
            set(header)
        }

        private func set(_ header: ForkHeader?) {
            state.withLock { state in
                state = State()
                state.isLoaded = true
                state.header = header
                guard let header else { return }
                state.count = header.exactCount
                state.objects = ObjectGeometry.objects(for: header.reservedCount)
            }
        }

        /// Puts the fork's objects into this process's epoch, and finds out the fork's length.
        private func takeOver(_ header: inout ForkHeader) throws(StorageError) {
            let reserved = ObjectGeometry.objects(for: header.reservedCount)
            let end = max(reserved, ObjectGeometry.objects(for: header.cutEnd))
            let incarnation = header.incarnation
            let swept = space.cluster.forEach(0..<end, tolerating: -ENOENT) { object, operation in
                operation.requireNoLaterEpoch(space.epoch)
                operation.setEpoch(space.epoch)
                return objectName(object, of: incarnation)
            }
            guard swept.result == 0 else {
                throw failure(
                    .readFailed, "open", swept.result,
                    object: objectName(swept.number, of: incarnation))
            }
            // Behind an unfinished cut, contents do not count.
            if header.cutEnd == 0 {
                header.exactCount = try max(header.exactCount, writtenEnd(header, reserved))
            }
            // Objects beyond this may be missing if they were about to be made.
            let kept = ObjectGeometry.objects(for: header.exactCount)
            if end > kept || header.cutEnd > 0 {
                header.cutEnd = max(header.cutEnd, ObjectGeometry.blocks(of: end))
            }
            header.reservedCount = ObjectGeometry.blocks(of: kept)
            header.sweptEpoch = space.epoch.number
            let result = write(header)
            guard result == 0 else {
                throw failure(.readFailed, "open", result, object: headerName)
            }
        }

        /// The end of the last block with contents.
        private func writtenEnd(_ header: ForkHeader, _ objects: Int) throws(StorageError) -> UInt32
        {
            var object = objects - 1
            let first = ObjectGeometry.object(header.exactCount)
            while object >= first {
                let name = objectName(object, of: header.incarnation)
                let size = space.cluster.size(of: name)
                if size > 0 {
                    return ObjectGeometry.blocks(of: object)
                        + UInt32((size + blockSize - 1) / blockSize)
                }
                guard size == 0 || size == -Int(ENOENT) else {
                    throw failure(.readFailed, "open", CInt(clamping: size), object: name)
                }
                object -= 1
            }
            return header.exactCount
        }

        /// Creates the fork, empty.
        ///
        /// - Returns: false if it exists.
        func create() throws(StorageError) -> Bool {
            try changing.withLock { () throws(StorageError) in
                if state.withLock({ !$0.isLoaded }) { try load() }
                if state.withLock({ $0.header != nil }) { return false }
                try checkWritable("create")
                // Objects left behind under this name must never count as those of a new fork.
                let header = ForkHeader(
                    incarnation: UInt64.random(in: 1...UInt64.max), epoch: space.epoch)
                let operation = WriteOperation()
                operation.createExclusively()
                operation.setEpoch(space.epoch)
                let bytes = header.bytes
                unsafe bytes.withUnsafeBytes { bytes in unsafe operation.replace(bytes) }
                let result = operation.run(on: headerName, space.cluster)
                guard result == 0 else {
                    // The header may exist, or may appear later.
                    state.withLock { $0.isLoaded = false }
                    throw failure(.extendFailed, "create", result, object: headerName)
                }
                set(header)
                return true
            }
        }

        /// Removes the fork. After a crash it is complete or gone.
        func remove() throws(StorageError) {
            try changing.withLock { () throws(StorageError) in
                if state.withLock({ !$0.isLoaded }) { try load() }
                // Readers see it as removed.
                if space.isReadOnly { return set(nil) }
                try space.cluster.checkUsable()
                let (found, objects) = state.withLock { state in
                    // The header object's contents are unknown until this is over.
                    defer { state.isLoaded = false }
                    return (state.header, state.objects)
                }
                guard var header = found else { return }
                header.reservedCount = max(
                    header.reservedCount, ObjectGeometry.blocks(of: objects))
                header.isRemoved = true
                let result = write(header)
                guard result == 0 else {
                    throw failure(.writeFailed, "remove", result, object: headerName)
                }
                try finishRemoval(header)
            }
        }

        /// Removes the objects of a removed fork, and finally its header object.
        private func finishRemoval(_ header: ForkHeader) throws(StorageError) {
            let end = ObjectGeometry.objects(for: max(header.reservedCount, header.cutEnd))
            let removed = space.cluster.forEach(0..<end, tolerating: -ENOENT) { object, operation in
                operation.requireNoLaterEpoch(space.epoch)
                operation.remove()
                return objectName(object, of: header.incarnation)
            }
            guard removed.result == 0 else {
                throw failure(
                    .writeFailed, "remove", removed.result,
                    object: objectName(removed.number, of: header.incarnation))
            }
            let last = WriteOperation()
            last.requireEpoch(space.epoch)
            last.remove()
            let result = last.run(on: headerName, space.cluster)
            guard result == 0 || result == -ENOENT else {
                throw failure(.writeFailed, "remove", result, object: headerName)
            }
        }
    }
#endif
