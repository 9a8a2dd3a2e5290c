#if RADOS
    internal import AsyncIO
    internal import CRados

    /// Steps on one object that happen together or not at all. Belongs to one thread.
    @safe
    struct WriteOperation: ~Copyable {
        /// The attribute that holds an object's epoch.
        static let epochName = "strata.epoch"

        /// Owned, and released with the value. The library copies the steps' arguments.
        let operation: rados_write_op_t?

        init() { unsafe operation = rados_create_write_op() }

        deinit { unsafe rados_release_write_op(operation) }

        /// Requires the object to exist and to have that epoch.
        func requireEpoch(_ epoch: Epoch) {
            compareEpoch(epoch, UInt8(LIBRADOS_CMPXATTR_OP_EQ))
        }

        /// Requires the object to have no epoch, that one, or an earlier one.
        func requireNoLaterEpoch(_ epoch: Epoch) {
            compareEpoch(epoch, UInt8(LIBRADOS_CMPXATTR_OP_GTE))
        }

        private func compareEpoch(_ epoch: Epoch, _ comparison: UInt8) {
            let text = epoch.text
            unsafe rados_write_op_cmpxattr(
                operation, Self.epochName, comparison, text, text.utf8.count)
        }

        /// Sets the object's epoch.
        func setEpoch(_ epoch: Epoch) { setAttribute(Self.epochName, epoch.text) }

        func setAttribute(_ name: String, _ value: String) {
            unsafe rados_write_op_setxattr(operation, name, value, value.utf8.count)
        }

        /// Requires that the object does not exist, and makes it.
        func createExclusively() {
            unsafe rados_write_op_create(operation, LIBRADOS_CREATE_EXCLUSIVE, nil)
        }

        func create() { unsafe rados_write_op_create(operation, LIBRADOS_CREATE_IDEMPOTENT, nil) }

        func truncate(to byteCount: Int) {
            unsafe rados_write_op_truncate(operation, UInt64(byteCount))
        }

        func remove() { unsafe rados_write_op_remove(operation) }

        /// Tells the object store how large the object will become.
        func expect(byteCount: Int, writes: Int) {
            unsafe rados_write_op_set_alloc_hint(operation, UInt64(byteCount), UInt64(writes))
        }

        @unsafe
        func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
            unsafe rados_write_op_write(
                operation, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count,
                UInt64(offset))
        }

        @unsafe
        func replace(_ bytes: UnsafeRawBufferPointer) {
            unsafe rados_write_op_write_full(
                operation, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }

        /// Runs the steps now. Blocks for at most the time-out.
        ///
        /// - Parameter evenIfFull: whether the object may grow in a full pool.
        func run(on object: String, _ cluster: RadosCluster, evenIfFull: Bool = false) -> CInt {
            if cluster.isFenced { return RadosResult.blocklisted }
            let flags = evenIfFull ? CInt(LIBRADOS_OPERATION_FULL_FORCE) : 0
            return unsafe cluster.note(
                rados_write_op_operate(operation, cluster.context, object, nil, flags))
        }
    }

    /// Which writer an object belongs to. The number rises with each takeover.
    struct Epoch: Hashable, Comparable, Sendable {
        let number: UInt64

        /// Has a fixed length, so that texts compare as numbers do.
        var text: String {
            let digits = String(number, radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }

        init(_ number: UInt64) { self.number = number }

        init?(text: String) {
            guard text.utf8.count == 16, let number = UInt64(text, radix: 16) else { return nil }
            self.number = number
        }

        static func < (left: Epoch, right: Epoch) -> Bool { left.number < right.number }
    }
#endif
