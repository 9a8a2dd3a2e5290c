#if RADOS
    internal import AsyncIO
    internal import CRados
    internal import StorageManager
    internal import Threads

    /// One started IO, from its beginning to the library's callback.
    ///
    /// The session's thread makes it. Once the operation is sent, only the callback's thread
    /// touches it; the library's own locks order that after the sending.
    @safe
    final class RadosTransfer: @unchecked Sendable {
        private let io: OutsideIO
        private let space: RadosSpace
        /// Makes pages contiguous that are not so in memory.
        private var scratch: ScratchBuffer?

        private init(_ io: OutsideIO, _ space: RadosSpace) {
            self.io = io
            self.space = space
        }

        /// Begins a read from an object, or completes the IO with an error.
        static func beginRead(_ io: OutsideIO, _ space: RadosSpace, _ object: String) {
            let refusal = space.cluster.refusal
            guard refusal == 0 else {
                io.complete(result: Int(refusal))
                return
            }
            let transfer = RadosTransfer(io, space)
            let vectors = unsafe io.vectors
            var base = unsafe vectors.first?.iov_base
            if vectors.count > 1 {
                // One operation into one buffer costs the cluster less than one per page.
                let scratch = space.scratch.take()
                transfer.scratch = scratch
                unsafe base = unsafe scratch.memory
            }
            let (target, length, offset) = unsafe (base, io.length, io.offset)
            unsafe transfer.send { completion in
                unsafe rados_aio_read(
                    space.cluster.context, object, completion,
                    target?.assumingMemoryBound(to: CChar.self), length, UInt64(offset))
            }
        }

        /// Begins a write to an existing object, which requires the object to be in this process's
        /// epoch.
        static func beginWrite(_ io: OutsideIO, _ space: RadosSpace, _ object: String) {
            let refusal = space.cluster.refusal
            guard refusal == 0 else {
                io.complete(result: Int(refusal))
                return
            }
            let operation = WriteOperation()
            operation.requireEpoch(space.epoch)
            let vectors = unsafe io.vectors
            if vectors.count == 1, let only = unsafe vectors.first {
                unsafe operation.write(
                    UnsafeRawBufferPointer(start: only.iov_base, count: only.iov_len),
                    at: Int(io.offset))
            } else {
                // The library copies its input, so the buffer is free at once.
                let scratch = space.scratch.take()
                unsafe scratch.gather(vectors)
                unsafe operation.write(
                    UnsafeRawBufferPointer(start: scratch.memory, count: io.length),
                    at: Int(io.offset))
                space.scratch.giveBack(scratch)
            }
            let context = unsafe space.cluster.context
            let steps = unsafe operation.operation
            unsafe RadosTransfer(io, space).send { completion in
                unsafe rados_aio_write_op_operate(steps, context, completion, object, nil, 0)
            }
        }

        /// Sends the operation. The callback takes the reference, or the failure to send does.
        @unsafe
        private func send(_ start: (rados_completion_t) -> CInt) {
            let reference = unsafe Unmanaged.passRetained(self)
            var completion: rados_completion_t?
            var result = unsafe rados_aio_create_completion2(
                reference.toOpaque(),
                { completion, argument in
                    guard let completion = unsafe completion, let argument = unsafe argument else {
                        return
                    }
                    let result = unsafe rados_aio_get_return_value(completion)
                    unsafe rados_aio_release(completion)
                    let transfer = unsafe Unmanaged<RadosTransfer>.fromOpaque(argument)
                    unsafe transfer.takeRetainedValue().end(result)
                }, &completion)
            if result == 0, let completion = unsafe completion {
                result = unsafe start(completion)
                if result < 0 { unsafe rados_aio_release(completion) }
            }
            if result < 0 { unsafe reference.takeRetainedValue().end(result) }
        }

        private func end(_ result: CInt) {
            let noted = space.cluster.note(result)
            if noted >= 0, io.operation == .read { unsafe settle(Int(noted)) }
            if let scratch { space.scratch.giveBack(scratch) }
            io.complete(result: noted < 0 ? Int(noted) : io.length)
        }

        /// Puts the read bytes into place. Bytes behind an object's end are zeroes.
        @unsafe
        private func settle(_ count: Int) {
            if let scratch {
                unsafe scratch.scatter(count, to: io.vectors)
            } else if count < io.length, let base = unsafe io.vectors.first?.iov_base {
                unsafe (base + count).initializeMemory(
                    as: UInt8.self, repeating: 0, count: io.length - count)
            }
        }
    }
#endif
