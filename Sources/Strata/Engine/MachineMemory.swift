internal import Threads

/// The memory of this machine.
enum MachineMemory {
    /// Pools up to this size are never refused: traversing all of their descriptors takes
    /// negligible time.
    private static let alwaysAllowed = 64 << 30
    /// A pool may be larger than memory by this factor, since it takes no memory before it is used.
    private static let factor = 4

    /// Throws if this machine could never fill a pool of that size: traversing all buffers would
    /// take minutes.
    ///
    /// - Throws: `invalidConfiguration`.
    static func check(poolBytes: Int) throws(StorageError) {
        let most = max(alwaysAllowed, bytes.multipliedClamping(by: factor))
        if poolBytes <= most { return }
        throw StorageError(
            .invalidConfiguration,
            "a pool of \(poolBytes) bytes is more than a machine with \(bytes) can fill",
            remedy: "Set EngineOptions.poolBytes to a value from"
                + " \(EngineOptions.minimumPoolBytes) to \(most).")
    }

    /// The machine's memory in bytes.
    private static var bytes: Int {
        let (pages, size) = (sysconf(CInt(_SC_PHYS_PAGES)), sysconf(CInt(_SC_PAGESIZE)))
        return pages > 0 && size > 0 ? pages.multipliedClamping(by: size) : 0
    }
}

extension Int {
    /// Multiplies two numbers that are not negative.
    fileprivate func multipliedClamping(by other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
