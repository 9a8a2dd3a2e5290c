#if RADOS
    internal import AsyncIO
    internal import StorageManager
    internal import Threads

    /// Says what a negative result of the client library means.
    enum RadosResult {
        /// What a guarded operation returns whose object has another epoch.
        static let guardFailed = -ECANCELED
        /// What every operation of a process on the blocklist returns.
        static let blocklisted = -ESHUTDOWN

        static func code(_ result: CInt, _ otherwise: StorageError.Code) -> StorageError.Code {
            switch result {
            case blocklisted, guardFailed: .fenced
            case -ENOSPC, -EDQUOT: .noSpace
            case -ETIMEDOUT: .timedOut
            default: otherwise
            }
        }

        static func remedy(_ result: CInt) -> String? {
            switch result {
            case blocklisted, guardFailed:
                "Another process has taken the namespace over. Close the store here; open it anew"
                    + " where nothing else has it."
            case -ENOSPC, -EDQUOT:
                "Drop or truncate relations, or give the pool more space."
            case -ETIMEDOUT:
                "Look at the cluster's health with \"ceph -s\". What was written may still arrive;"
                    + " writing it again is safe."
            case -EACCES, -EPERM:
                "Give the user the capabilities \"mon 'profile rbd' osd 'allow rwx'\" for the pool."
            case -ENOENT:
                "An object is missing where one must be. Restore the relation from a backup."
            default: nil
            }
        }
    }

    extension StorageError {
        /// A failure of the cluster, or of an operation on one object.
        ///
        /// - Parameters:
        ///   - code: kept unless the result says that the process was fenced, space ran out, or the
        ///     cluster did not answer.
        ///   - result: negative, as the client library returned it.
        static func rados(
            _ code: Code, _ message: String, _ result: CInt, at location: Location = Location()
        ) -> StorageError {
            StorageError(
                RadosResult.code(result, code), message, remedy: RadosResult.remedy(result),
                at: location, errorNumber: -result)
        }
    }
#endif
