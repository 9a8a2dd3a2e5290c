/// What a storage manager can do. The layers above rely on it instead of assuming plain files.
public struct StorageManagerCapabilities: Sendable, Hashable {
    /// The kernel reads ahead of sequential reads, so looking far ahead gains little.
    public var hasKernelReadAhead: Bool
    /// ``RelationStorage/prefetch(_:block:count:)`` has an effect.
    public var supportsPrefetch: Bool
    /// IO bypasses the kernel's page cache.
    public var usesDirectIO: Bool
    /// A thread other than the issuer can obtain its own descriptor for an IO.
    public var canReopen: Bool
    /// Relations end with the engine: reopening the store loses them.
    public var isVolatile: Bool
    /// Completing a read or write takes so much work (decompression, for example) that spreading it
    /// over several cores pays.
    public var transformsPages: Bool
    /// A power failure during an overwrite may leave a page half old and half new. True unless the
    /// manager says otherwise.
    public var pagesCanTear: Bool
    /// Each fork is in plain segment files below `base` and `global`, like PostgreSQL's, so that
    /// each file can be found by its name and checked alone.
    public var keepsSegmentFiles: Bool
    /// IO runs beside its submitter under every method, because other code than the method executes
    /// it (`IOHandle.startElsewhere`). Starting it early pays off even under `sync`.
    public var overlapsSubmitter: Bool

    /// Makes a set of capabilities.
    public init(
        hasKernelReadAhead: Bool = false, supportsPrefetch: Bool = false,
        usesDirectIO: Bool = false, canReopen: Bool = false, isVolatile: Bool = false,
        transformsPages: Bool = false, pagesCanTear: Bool = true, keepsSegmentFiles: Bool = false,
        overlapsSubmitter: Bool = false
    ) {
        self.hasKernelReadAhead = hasKernelReadAhead
        self.supportsPrefetch = supportsPrefetch
        self.usesDirectIO = usesDirectIO
        self.canReopen = canReopen
        self.isVolatile = isVolatile
        self.transformsPages = transformsPages
        self.pagesCanTear = pagesCanTear
        self.keepsSegmentFiles = keepsSegmentFiles
        self.overlapsSubmitter = overlapsSubmitter
    }
}
