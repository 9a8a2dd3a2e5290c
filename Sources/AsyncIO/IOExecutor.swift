/// Executes IO instead of the kernel, on descriptors of its own: a simulated disk, for example.
///
/// Methods decide when and on which thread an IO is executed. The executor decides what executing
/// it means.
public protocol IOExecutor: AnyObject, Sendable {
    /// Executes the IO. Any thread; may block.
    ///
    /// - Returns: bytes moved, or a negated `errno`.
    func execute(_ io: StagedIO) -> Int
}
