/// What executes IO in the kernel's place: a simulated disk, under descriptors of its own.
///
/// Methods decide when an IO is executed, and on which thread; this is what executing it means.
public protocol IOExecutor: AnyObject, Sendable {
    /// Executes the IO. Any thread; may block.
    ///
    /// - Returns: bytes moved, or a negated `errno`.
    func execute(_ io: StagedIO) -> Int
}
