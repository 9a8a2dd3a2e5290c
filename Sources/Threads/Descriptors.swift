internal import CPlatform

/// Keeps the package's kernel descriptors off the numbers of the standard streams.
package enum Descriptors {
    /// Moves a new descriptor off the numbers of standard input, output and error.
    ///
    /// If one of those was closed, the kernel gives its number to the next file, which would then
    /// receive what the process prints. Every descriptor that Strata makes passes through this
    /// function or its counterpart in C.
    ///
    /// - Parameter descriptor: a new descriptor, or a negated `errno`.
    /// - Returns: the descriptor to use, or a negated `errno`, in which case the given one is
    ///   closed.
    package static func lifted(_ descriptor: CInt) -> CInt { strata_lift_descriptor(descriptor) }
}
