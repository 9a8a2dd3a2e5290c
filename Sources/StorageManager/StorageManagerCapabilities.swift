/// What a storage manager can do, which the layers above obey instead of assuming plain files.
public struct StorageManagerCapabilities: Sendable, Hashable {
    /// The kernel reads ahead of sequential reads, so that looking far ahead gains little there.
    public var hasKernelReadAhead: Bool
    /// ``RelationStorage/prefetch(_:block:count:)`` does something useful.
    public var supportsPrefetch: Bool
    /// IO passes by the kernel's page cache.
    public var usesDirectIO: Bool
    /// A thread other than the issuer can make its own descriptor for an IO.
    public var canReopen: Bool
    /// Relations end with the engine: a store that is opened again has lost them.
    public var isVolatile: Bool
    /// Completing a read or write takes long enough, as unpacking does, that several cores at it are
    /// worth having.
    public var transformsPages: Bool
    /// A page that is being overwritten when the power fails may be left half old and half new. So
    /// it is, unless the manager says otherwise.
    public var pagesCanTear: Bool

    /// Makes a set of capabilities.
    public init(
        hasKernelReadAhead: Bool = false, supportsPrefetch: Bool = false,
        usesDirectIO: Bool = false, canReopen: Bool = false, isVolatile: Bool = false,
        transformsPages: Bool = false, pagesCanTear: Bool = true
    ) {
        self.hasKernelReadAhead = hasKernelReadAhead
        self.supportsPrefetch = supportsPrefetch
        self.usesDirectIO = usesDirectIO
        self.canReopen = canReopen
        self.isVolatile = isVolatile
        self.transformsPages = transformsPages
        self.pagesCanTear = pagesCanTear
    }
}
