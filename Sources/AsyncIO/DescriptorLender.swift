/// Whoever lends a kernel descriptor to an IO and must keep it open until the kernel is done.
///
/// The core gives it back as soon as the IO was executed, before any callback runs.
public protocol DescriptorLender: AnyObject, Sendable {
    /// Takes the descriptor back. Any thread; must not block.
    ///
    /// - Parameter token: what ``IODescriptor/init(_:lender:token:)`` was given.
    func takeBack(token: UInt32)
}

/// A kernel descriptor for one IO, with who lent it.
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

    /// A descriptor whose opener keeps it open until ``Session/closing(descriptor:)`` has returned.
    public init(_ number: CInt) {
        self.number = number
        lender = nil
        token = 0
    }
}
