#if RADOS
    internal import AsyncIO
    internal import CRados
    internal import Synchronization
    internal import Threads

    /// Blocking calls on objects. Each ends within the time-out.
    extension RadosCluster {
        /// Reads from an object. Returns how many bytes there were, or a negative result.
        @unsafe
        func read(_ object: String, at offset: Int, into bytes: UnsafeMutableRawBufferPointer)
            -> CInt
        {
            if isFenced { return RadosResult.blocklisted }
            return unsafe note(
                rados_read(
                    context, object, bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                    bytes.count, UInt64(offset)))
        }

        /// Returns the size of an object in bytes, or a negative result.
        func size(of object: String) -> Int {
            var (size, time) = (UInt64(0), time_t(0))
            let result = unsafe note(rados_stat(context, object, &size, &time))
            return result < 0 ? Int(result) : Int(size)
        }

        /// Reads all of an object. The result is negative on failure.
        func contents(of object: String) -> (bytes: [UInt8], result: CInt) {
            let size = size(of: object)
            guard size > 0 else { return ([], CInt(clamping: size)) }
            var bytes = [UInt8](repeating: 0, count: size)
            let result = unsafe bytes.withUnsafeMutableBytes { bytes in
                unsafe read(object, at: 0, into: bytes)
            }
            guard result >= 0 else { return ([], result) }
            bytes.removeLast(size - Int(result))
            return (bytes, 0)
        }

        /// Reads an attribute of an object. The text is nil if there is none; the result is
        /// negative on failure.
        func attribute(_ name: String, of object: String) -> (text: String?, result: CInt) {
            var bytes = [UInt8](repeating: 0, count: 256)
            let result = unsafe bytes.withUnsafeMutableBytes { bytes in
                unsafe note(
                    rados_getxattr(
                        context, object, name,
                        bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count))
            }
            if result == -ENODATA { return (nil, 0) }
            guard result >= 0 else { return (nil, result) }
            return (String(decoding: bytes.prefix(Int(result)), as: UTF8.self), 0)
        }

        /// Runs one operation on each of many objects, several at a time.
        ///
        /// - Parameters:
        ///   - tolerated: a result that counts as success, besides zero.
        ///   - body: defines the operation on the object of that number, and returns its name.
        /// - Returns: zero or the first failure, once all operations have ended.
        func forEach(
            _ numbers: Range<Int>, tolerating tolerated: CInt = 0,
            _ body: (Int, borrowing WriteOperation) -> String
        ) -> (result: CInt, number: Int) {
            let window = OperationWindow()
            for number in numbers {
                let refusal = refusal
                if refusal != 0 { window.note(refusal, number) }
                window.enter()
                if window.hasFailed { break }
                let operation = WriteOperation()
                let object = body(number, operation)
                unsafe window.start(operation, object, number, self, tolerated)
            }
            window.waitForAll()
            return window.failure
        }
    }

    /// Operations in flight at a time, for one blocked thread.
    private final class OperationWindow: Sendable {
        private static let width: UInt32 = 64

        /// How many operations are in flight. A thread sleeps on it. Only one thread starts
        /// operations.
        private let inFlight = Atomic<UInt32>(0)
        private let failed = Lock<(result: CInt, number: Int)>((0, 0), rank: .radosFailure)

        var failure: (result: CInt, number: Int) { failed.withLock { $0 } }
        var hasFailed: Bool { failure.result != 0 }

        func note(_ result: CInt, _ number: Int) {
            failed.withLock { if $0.result == 0 { $0 = (result, number) } }
        }

        /// Waits until one more may start.
        func enter() { wait { $0 < Self.width } }

        func waitForAll() { wait { $0 == 0 } }

        private func wait(_ condition: (UInt32) -> Bool) {
            while true {
                // Pairs with the releasing subtraction of a callback.
                let now = inFlight.load(ordering: .acquiring)
                if condition(now) { return }
                park(inFlight, expected: now)
            }
        }

        private final class Entry: Sendable {
            let window: OperationWindow
            let number: Int
            let cluster: RadosCluster
            let tolerated: CInt

            init(
                _ window: OperationWindow, _ number: Int, _ cluster: RadosCluster, _ tolerated: CInt
            ) {
                self.window = window
                self.number = number
                self.cluster = cluster
                self.tolerated = tolerated
            }

            func end(_ result: CInt) {
                let noted = cluster.note(result)
                if noted < 0, noted != tolerated { window.note(noted, number) }
                window.leave()
            }
        }

        private func leave() {
            _ = inFlight.subtract(1, ordering: .releasing)
            wake(inFlight, count: 1)
        }

        @unsafe
        func start(
            _ operation: borrowing WriteOperation, _ object: String, _ number: Int,
            _ cluster: RadosCluster, _ tolerated: CInt
        ) {
            _ = inFlight.add(1, ordering: .relaxed)
            // The callback takes the reference, or the failure to start below does.
            let entry = unsafe Unmanaged.passRetained(Entry(self, number, cluster, tolerated))
            var completion: rados_completion_t?
            var result = unsafe rados_aio_create_completion2(
                entry.toOpaque(),
                { completion, argument in
                    guard let completion = unsafe completion, let argument = unsafe argument else {
                        return
                    }
                    let result = unsafe rados_aio_get_return_value(completion)
                    unsafe rados_aio_release(completion)
                    unsafe Unmanaged<Entry>.fromOpaque(argument).takeRetainedValue().end(result)
                }, &completion)
            if result == 0 {
                result = unsafe rados_aio_write_op_operate(
                    operation.operation, cluster.context, completion, object, nil, 0)
                if result < 0 { unsafe rados_aio_release(completion) }
            }
            if result < 0 { unsafe entry.takeRetainedValue().end(result) }
        }
    }
#endif
