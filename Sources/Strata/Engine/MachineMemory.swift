internal import Threads

/// What this machine has to offer.
enum MachineMemory {
    /// Pools up to that size are never refused: what looks at all of their descriptors takes no
    /// time to speak of.
    private static let alwaysAllowed = 64 << 30
    /// A pool may be larger than memory by that factor, as it takes none before it is used.
    private static let factor = 4

    /// Refuses a pool that this machine could never fill: what looks at all buffers would take
    /// minutes.
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

    /// Bytes of memory.
    private static var bytes: Int {
        let (pages, size) = (sysconf(CInt(_SC_PHYS_PAGES)), sysconf(CInt(_SC_PAGESIZE)))
        return pages > 0 && size > 0 ? pages.multipliedClamping(by: size) : 0
    }
}

extension Int {
    /// Of two numbers that are not negative.
    fileprivate func multipliedClamping(by other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
