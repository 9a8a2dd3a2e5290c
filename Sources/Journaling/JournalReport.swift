/// What the journal of pages held, and what became of it.
public struct JournalReport: Sendable, Hashable {
    /// Batches that were whole.
    public package(set) var batches = 0
    /// Batches that were damaged after they had been made durable, by the disk: what is right
    /// of them was used.
    public package(set) var damagedBatches = 0
    /// Pages that they held the last state of.
    public package(set) var pages = 0
    /// Of those, pages that were damaged in place, as a torn write leaves them, and were
    /// restored.
    public package(set) var torn = 0
    /// Pages that were sound in place and older than their copies, and were replaced.
    public package(set) var outdated = 0
    /// Pages that do not exist: of relations that were dropped, or beyond the end that a
    /// relation has now.
    public package(set) var skipped = 0
    /// Pages that could not be written in place, as the files of their relation cannot be read
    /// or are too short, or as no relation has these files. Their copies are kept for a later
    /// opening.
    public package(set) var kept = 0
    /// Pages whose copies the disk has damaged; they were left as they are in place.
    public package(set) var damagedCopies = 0

    /// How many pages were written in place.
    public var restored: Int { torn + outdated }

    /// Nothing held.
    public init() {}
}

extension JournalReport: CustomStringConvertible {
    /// A sentence without a full stop.
    public var description: String {
        var text =
            "compared \(pages) pages with their copies in \(batches) batches of the"
            + " journal: restored \(torn) that were damaged and \(outdated) that had"
            + " not been written"
        if skipped > 0 { text += ", left out \(skipped) that exist no more" }
        if kept > 0 {
            text += ", kept the copies of \(kept) whose files are not as they should be"
        }
        if damagedCopies > 0 {
            text += ", left \(damagedCopies) whose copies are damaged"
        }
        if damagedBatches > 0 {
            text +=
                "; \(damagedBatches) batches of the journal are damaged themselves, so"
                + " that the store should be verified"
        }
        return text
    }
}
