extension StorageError.Code {
    /// Something could not be made durable. Final, like ``fileSyncFailed``.
    public static let syncFailed = Self(rawValue: "syncFailed")
    /// A file or directory could not be made durable. Final: every later attempt on it fails.
    public static let fileSyncFailed = Self(rawValue: "fileSyncFailed")
}

extension StorageError {
    /// Whether the error reports a failed sync, after which the state on disk is unknown.
    public var isFinalSyncFailure: Bool { code == .syncFailed || code == .fileSyncFailed }
}

extension StorageError? {
    /// Keeps one of several errors: the first, except that a failed sync takes precedence over any
    /// other. A caller that sees a repeatable error might try again, which it must not do when the
    /// state on disk is unknown.
    package mutating func note(_ error: StorageError) {
        guard let first = self else {
            self = error
            return
        }
        if error.isFinalSyncFailure && !first.isFinalSyncFailure { self = error }
    }
}
