/// How pages are kept whole that are being written when the power fails.
///
/// A disk promises to write a sector or nothing, of 512 or 4096 bytes; a page has 8192. One that
/// was overwritten at that moment may be left half old and half new, and its checksum shows that
/// without bringing anything back. Concerns relations in plain files; those of storage managers
/// that never overwrite a page, such as `compressed`, need nothing.
public enum TornPageProtection: Sendable, Hashable {
    /// Pages are written to a journal first, by many at a time, and then in place; opening the
    /// store after a crash restores what was torn. Costs about as much writing again.
    case doubleWrite
    /// Each page is written by one operation that the disk does whole or not at all, past the page
    /// cache. Opening a store fails where kernel, file system and disk do not say that they can.
    case atomicWrites
    /// Nothing is done: for stores that can be made anew, and for those whose ``WriteAheadLog``
    /// holds the image of each page that changes for the first time after a checkpoint.
    case none
}
