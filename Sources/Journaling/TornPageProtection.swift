/// How pages being written during a power failure are kept intact.
///
/// A disk writes a sector of 512 or 4096 bytes completely or not at all, but a page has 8192. A
/// page that is being overwritten at that moment may be left half old and half new. Its checksum
/// shows that, but cannot restore it. This concerns relations in plain files; storage managers that
/// never overwrite a page, such as `compressed`, need no protection.
public enum TornPageProtection: Sendable, Hashable {
    /// Pages are written to a journal first, many at a time, and then in place. Opening the store
    /// after a crash restores torn pages. Costs about as much writing again.
    case doubleWrite
    /// Each page is written by one operation that the disk does completely or not at all, bypassing
    /// the page cache. Opening a store fails if kernel, file system and disk do not support it.
    case atomicWrites
    /// No protection: for stores that can be made again, and for those whose `WriteAheadLog` holds
    /// the image of each page that changes for the first time after a checkpoint.
    case none
}
