/// Lends a kernel descriptor to an IO and keeps it open until the kernel is done with it.
///
/// The core gives the descriptor back once the IO was executed, before any callback runs.
public protocol DescriptorLender: AnyObject, Sendable {
    /// Takes the descriptor back. Called on any thread; it must not block.
    ///
    /// - Parameter token: what ``IODescriptor/init(_:lender:token:)`` was given.
    func takeBack(token: UInt32)
}

/// A kernel descriptor for one IO, with its lender.
public struct IODescriptor {
    /// The kernel's number.
    public let number: CInt
    let lender: (any DescriptorLender)?
    let token: UInt32

    /// A descriptor that its lender keeps open until it is taken back.
    public init(_ number: CInt, lender: any DescriptorLender, token: UInt32) {
        self.number = number
        self.lender = lender
        self.token = token
    }

    /// A descriptor whose opener keeps it open until ``Session/closing(descriptor:isLent:)`` has
    /// returned.
    public init(_ number: CInt) {
        self.number = number
        lender = nil
        token = 0
    }
}
