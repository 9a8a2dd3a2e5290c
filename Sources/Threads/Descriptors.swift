internal import CPlatform

/// Kernel descriptors whose numbers mean something to everybody.
package enum Descriptors {
    /// Moves a new descriptor off the numbers of standard input, output and error.
    ///
    /// Where one of those was closed, the kernel gives its number to the next file, which would
    /// then receive what the process prints. Every descriptor that Strata makes passes through
    /// this, or through the same function in C.
    ///
    /// - Parameter descriptor: a new descriptor, or a negated `errno`.
    /// - Returns: the descriptor to use, or a negated `errno`; the given one is closed then.
    package static func lifted(_ descriptor: CInt) -> CInt { strata_lift_descriptor(descriptor) }
}
