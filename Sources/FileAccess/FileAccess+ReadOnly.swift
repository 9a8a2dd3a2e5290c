public import AsyncIO

extension StorageError.Code {
    /// The store, or a file of it, is read-only.
    public static let storeReadOnly = Self(rawValue: "storeReadOnly")
}

/// Read-only access, ``FileAccessConfiguration/opensReadOnly``.
extension FileAccess {
    /// Refuses a change before the kernel is asked for it.
    ///
    /// - Parameters:
    ///   - action: the refused action, such as `write`; evaluated only for the message.
    ///   - path: the file or name concerned.
    /// - Throws: `storeReadOnly` if ``isReadOnly``.
    @inline(__always)
    func checkChangeable(_ action: @autoclosure () -> String, _ path: String)
        throws(StorageError)
    {
        if isReadOnly { throw refusal(action(), path) }
    }

    @inline(never)
    private func refusal(_ action: String, _ path: String) -> StorageError {
        StorageError(
            .storeReadOnly,
            "could not \(action) \"\(path)\": the files are open for reading only",
            remedy: "Open the store for reading and writing.",
            at: StorageError.Location(path: path))
    }
}
