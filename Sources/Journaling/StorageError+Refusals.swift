package import AsyncIO
internal import StorageManager

/// Why a store takes no changes any more.
extension StorageError {
    /// The error for calls after an engine was found to have lost its store.
    package static func failed(_ failure: StorageError, _ directory: String) -> StorageError {
        StorageError(
            .storeFailed, "store \"\(directory)\" takes no changes, as it may be another engine's",
            remedy: failure.remedy, at: failure.location, underlying: failure)
    }

    /// The error for calls after a failed sync.
    package static func unknownOnDisk(_ failure: StorageError, _ directory: String) -> StorageError
    {
        StorageError(
            .storeFailed,
            "store \"\(directory)\" takes no changes, as what is on disk is not known",
            remedy: "Check the disk, close the store and open it again: all that was committed"
                + " before is there.",
            at: failure.location, underlying: failure)
    }
}
