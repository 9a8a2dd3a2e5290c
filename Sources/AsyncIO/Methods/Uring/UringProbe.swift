internal import Threads

#if canImport(CLiburing)
    internal import CLiburing
#endif

/// Finds out whether io_uring can run here and, if not, why and what would help.
enum UringProbe {
    /// What the explanation depends on, apart from the error number. Read once, or given by tests.
    struct Environment {
        /// `kernel.io_uring_disabled`: 0 allows all, 1 a group, 2 nobody; nil if unknown.
        var disabledSetting: Int?
        /// Soft limit of locked memory, in bytes.
        var lockedMemoryLimit: UInt64
        /// Locked memory that one ring needs, in bytes; zero if the kernel does not count it.
        var lockedMemoryNeed: UInt64
        /// Soft limit of open descriptors.
        var descriptorLimit: UInt64
    }

    /// How many descriptors are reserved for uses other than rings.
    private static let descriptorReserve: UInt64 = 16

    static func explain(_ errorNumber: CInt, sessions: Int, in environment: Environment)
        -> StorageError
    {
        let (reason, remedy): (String, String)
        switch errorNumber {
        case ENOSYS:
            reason = "the kernel has no io_uring"
            remedy = "Use Linux 5.11 or later, or choose another IO method."
        case EPERM where (environment.disabledSetting ?? 0) > 0:
            reason = "the setting kernel.io_uring_disabled forbids it"
            remedy = "Set kernel.io_uring_disabled to 0 with sysctl, or choose another IO method."
        case EPERM, EACCES:
            reason = "a security policy such as a container's seccomp filter forbids it"
            remedy =
                "Allow io_uring_setup, io_uring_enter and io_uring_register there, or choose "
                + "another IO method."
        case ENOMEM:
            let need = environment.lockedMemoryNeed * UInt64(sessions)
            reason =
                "the locked-memory limit of \(environment.lockedMemoryLimit) bytes is too low: "
                + "\(sessions) sessions need \(need) bytes"
            remedy =
                "Raise the limit (ulimit -l, LimitMEMLOCK), open fewer sessions, or choose "
                + "another IO method."
        case EMFILE, ENFILE:
            reason =
                "the limit of \(environment.descriptorLimit) open descriptors is too low: "
                + "\(sessions) sessions need one each, and files need "
                + "\(descriptorReserve) at least"
            remedy =
                "Raise the limit (ulimit -n, LimitNOFILE), open fewer sessions, or choose "
                + "another IO method."
        case EINVAL, EOPNOTSUPP:
            reason = "the kernel's io_uring lacks what is needed"
            remedy = "Use Linux 5.11 or later, or choose another IO method."
        default:
            reason = "setting up a ring failed"
            remedy = "Choose another IO method."
        }
        return StorageError(
            .methodUnavailable, "io_uring cannot be used because \(reason)", remedy: remedy,
            errorNumber: errorNumber)
    }

    static func explain(_ errorNumber: CInt, sessions: Int) -> StorageError {
        explain(errorNumber, sessions: sessions, in: currentEnvironment())
    }

    #if canImport(CLiburing)
        private static let ringEntries: UInt32 = 64

        /// Why this process cannot have a ring for each of that many sessions; nil if it can.
        static func unavailability(sessions: Int) -> StorageError? {
            let environment = currentEnvironment()
            if environment.descriptorLimit < UInt64(sessions) + descriptorReserve {
                return explain(EMFILE, sessions: sessions, in: environment)
            }
            var ring = unsafe io_uring()
            let result = unsafe UringRing.makeQueue(&ring, entries: ringEntries)
            if result != 0 { return explain(-result, sessions: sessions, in: environment) }
            defer { unsafe io_uring_queue_exit(&ring) }
            // Waiting with a time limit must not touch the submission half, and completions must
            // never be dropped.
            let needed = UInt32(IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP)
            guard unsafe ring.features & needed == needed, unsafe supportsOperations(&ring) else {
                return explain(EOPNOTSUPP, sessions: sessions, in: environment)
            }
            if environment.lockedMemoryNeed > 0,
                environment.lockedMemoryNeed * UInt64(sessions) > environment.lockedMemoryLimit
            {
                return explain(ENOMEM, sessions: sessions, in: environment)
            }
            return nil
        }

        private static func supportsOperations(_ ring: UnsafeMutablePointer<io_uring>) -> Bool {
            guard let probe = unsafe io_uring_get_probe_ring(ring) else { return false }
            defer { unsafe io_uring_free_probe(probe) }
            let operations = [
                IORING_OP_READ, IORING_OP_WRITE, IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC,
            ]
            return operations.allSatisfy {
                unsafe io_uring_opcode_supported(probe, CInt($0.rawValue)) != 0
            }
        }

        private static func lockedMemoryNeed() -> UInt64 {
            UInt64(max(0, io_uring_mlock_size(ringEntries, 0)))
        }
    #else
        static func unavailability(sessions: Int) -> StorageError? {
            StorageError(
                .methodUnavailable,
                "io_uring cannot be used because it exists on Linux only, or this build lacks it",
                remedy: "Choose another IO method.")
        }

        private static func lockedMemoryNeed() -> UInt64 { 0 }
    #endif

    private static func currentEnvironment() -> Environment {
        Environment(
            disabledSetting: disabledSetting(), lockedMemoryLimit: limit(of: lockedMemory),
            lockedMemoryNeed: lockedMemoryNeed(), descriptorLimit: limit(of: descriptors))
    }

    /// The soft limit of a resource.
    private static func limit(of resource: CInt) -> UInt64 {
        var limits = rlimit()
        #if canImport(Glibc)
            guard unsafe getrlimit(__rlimit_resource_t(resource), &limits) == 0 else { return .max }
        #else
            guard unsafe getrlimit(resource, &limits) == 0 else { return .max }
        #endif
        return UInt64(limits.rlim_cur)
    }

    #if canImport(Glibc)
        private static let lockedMemory = CInt(__RLIMIT_MEMLOCK.rawValue)
        private static let descriptors = CInt(RLIMIT_NOFILE.rawValue)
    #else
        private static let lockedMemory = RLIMIT_MEMLOCK
        private static let descriptors = RLIMIT_NOFILE
    #endif

    private static func disabledSetting() -> Int? {
        let descriptor = Descriptors.lifted(
            unsafe open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC))
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var digit: UInt8 = 0
        guard unsafe read(descriptor, &digit, 1) == 1, digit >= 48, digit <= 57 else { return nil }
        return Int(digit) - 48
    }
}
