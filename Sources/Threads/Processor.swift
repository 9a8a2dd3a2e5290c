/// The machine's processor, as far as this process may use it.
package enum Processor {
    /// How many cores the process may use; at least 1.
    package static let coreCount = max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN))))
}

/// The machine's memory.
package enum Memory {
    /// Its size in bytes; 0 if the system does not tell.
    package static let byteCount: Int = {
        let (pages, size) = (sysconf(CInt(_SC_PHYS_PAGES)), sysconf(CInt(_SC_PAGESIZE)))
        let (bytes, overflow) = pages.multipliedReportingOverflow(by: size)
        return pages > 0 && size > 0 ? (overflow ? .max : bytes) : 0
    }()
}
