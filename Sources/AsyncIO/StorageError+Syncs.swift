extension StorageError.Code {
    /// Something could not be made durable. Final, as ``fileSyncFailed`` is.
    public static let syncFailed = Self(rawValue: "syncFailed")
    /// A file or directory could not be made durable. Final: every later attempt on it fails.
    public static let fileSyncFailed = Self(rawValue: "fileSyncFailed")
}

extension StorageError {
    /// Whether it tells of a failed sync, after which nothing is known of what is on disk.
    public var isFinalSyncFailure: Bool { code == .syncFailed || code == .fileSyncFailed }
}

extension StorageError? {
    /// Keeps an error that others may follow: of several the first, but a failed sync before any
    /// other. Whoever is told of something that may be tried again must not go on trying when what
    /// is on disk is not known.
    package mutating func note(_ error: StorageError) {
        guard let first = self else {
            self = error
            return
        }
        if error.isFinalSyncFailure && !first.isFinalSyncFailure { self = error }
    }
}
