/// The machine's processor, as far as this process may use it.
package enum Processor {
    /// How many cores the process may use; at least 1.
    package static let coreCount = max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN))))
}
