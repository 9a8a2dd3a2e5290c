#if RADOS
    internal import AsyncIO
    internal import StorageManager

    /// Blocking reads and writes.
    extension RadosRelation {
        /// Transfers blocks, one object after the other.
        func move(
            _ fork: Fork, _ block: BlockNumber, _ pages: Span<PageAddress>, isRead: Bool
        ) throws(StorageError) {
            let scratch = space.scratch.take()
            defer { space.scratch.giveBack(scratch) }
            var done = 0
            while done < pages.count {
                let next = block.advanced(by: done)
                let count = min(pages.count - done, maximumCombine(fork, block: next))
                let place = try self[fork].place(of: next)
                let part = pages.extracting(done..<done + count)
                let refusal = space.cluster.refusal
                let result =
                    refusal != 0
                    ? refusal
                    : isRead
                        ? unsafe read(place, part, scratch) : unsafe write(place, part, scratch)
                guard result >= 0 else {
                    let verb = isRead ? "read" : "write"
                    throw .rados(
                        isRead ? .readFailed : .writeFailed,
                        "could not \(verb) block \(next) of relation \(self[fork].locator)"
                            + fork.suffix,
                        result, at: self[fork].location(next.rawValue, object: place.object))
                }
                done += count
            }
        }

        @unsafe
        private func read(
            _ place: RadosFork.Place, _ pages: Span<PageAddress>, _ scratch: ScratchBuffer
        ) -> CInt {
            let bytes = unsafe UnsafeMutableRawBufferPointer(
                start: scratch.memory, count: pages.count * blockSize)
            let result = unsafe space.cluster.read(place.object, at: place.offset, into: bytes)
            guard result >= 0 else { return result }
            // Bytes behind an object's end are zeroes.
            unsafe (scratch.memory + Int(result)).initializeMemory(
                as: UInt8.self, repeating: 0, count: bytes.count - Int(result))
            for position in pages.indices {
                unsafe pages[position].pointer.copyMemory(
                    from: scratch.memory + position * blockSize, byteCount: blockSize)
            }
            return result
        }

        @unsafe
        private func write(
            _ place: RadosFork.Place, _ pages: Span<PageAddress>, _ scratch: ScratchBuffer
        ) -> CInt {
            for position in pages.indices {
                unsafe (scratch.memory + position * blockSize).copyMemory(
                    from: pages[position].pointer, byteCount: blockSize)
            }
            let operation = WriteOperation()
            operation.requireEpoch(space.epoch)
            unsafe operation.write(
                UnsafeRawBufferPointer(start: scratch.memory, count: pages.count * blockSize),
                at: place.offset)
            return operation.run(on: place.object, space.cluster)
        }
    }
#endif
