#if RADOS
    internal import AsyncIO
    internal import StorageManager
    internal import Threads

    /// Interprets negative results of the client library.
    enum RadosResult {
        /// The result of a guarded operation whose object has another epoch.
        static let guardFailed = -ECANCELED
        /// The result of every operation of a process on the blocklist.
        static let blocklisted = -ESHUTDOWN

        static func code(_ result: CInt, _ otherwise: StorageError.Code) -> StorageError.Code {
            switch result {
            case blocklisted, guardFailed: .fenced
            case -ENOSPC, -EDQUOT: .noSpace
            case -ETIMEDOUT: .timedOut
            default: otherwise
            }
        }

        static func remedy(_ result: CInt, _ code: StorageError.Code) -> String? {
            switch result {
            case blocklisted, guardFailed:
                "Close the store here, and open it again where no other process has it: another"
                    + " process has taken the namespace over."
            case -ENOSPC, -EDQUOT:
                "Drop or truncate relations, or give the pool more space."
            case -ETIMEDOUT where code == .connectFailed || code == .readFailed:
                "Look at the cluster's health with \"ceph -s\", and try again."
            case -ETIMEDOUT:
                "Look at the cluster's health with \"ceph -s\", and write again, which is safe:"
                    + " the write that failed may still arrive."
            case -EACCES, -EPERM:
                "Give the user the capabilities \"mon 'profile rbd' osd 'allow rwx'\" for the pool."
            case -ENOENT:
                "Restore the relation from a backup: an object that must exist is missing."
            default: nil
            }
        }
    }

    extension StorageError {
        /// A failure of the cluster, or of an operation on one object.
        ///
        /// - Parameters:
        ///   - code: kept unless the result means that the process was fenced, space ran out, or
        ///     the cluster did not answer.
        ///   - result: negative, as the client library returned it.
        ///   - remedy: what to do; nil for what fits the result.
        static func rados(
            _ code: Code, _ message: String, _ result: CInt, at location: Location = Location(),
            remedy: String? = nil
        ) -> StorageError {
            StorageError(
                RadosResult.code(result, code), message,
                remedy: remedy ?? RadosResult.remedy(result, code), at: location,
                errorNumber: -result)
        }
    }
#endif
