package import Threads

extension Doorbell {
    /// Makes a bell.
    ///
    /// - Throws: `resourcesExhausted` if the process has no descriptor left.
    package static func open() throws(StorageError) -> Doorbell {
        do throws(SystemCallError) { return try Doorbell() } catch {
            throw StorageError(
                .resourcesExhausted, "no descriptor is left for waking a loop",
                remedy: "Raise the limit on the process's open files.",
                errorNumber: error.errorNumber)
        }
    }
}
