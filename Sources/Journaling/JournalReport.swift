/// What the page journal held, and the outcome of replaying it.
public struct JournalReport: Sendable, Hashable {
    /// Number of intact batches.
    public package(set) var batches = 0
    /// Number of batches that the disk damaged after they were durable; their valid parts were
    /// used.
    public package(set) var damagedBatches = 0
    /// Number of pages whose last state they held.
    public package(set) var pages = 0
    /// Of those, number of pages that were damaged in place, as a torn write leaves them, and
    /// restored.
    public package(set) var torn = 0
    /// Number of pages that were intact in place but older than their copies, and replaced.
    public package(set) var outdated = 0
    /// Number of pages that do not exist: of dropped relations, or beyond a relation's present end.
    public package(set) var skipped = 0
    /// Number of pages that could not be written in place, because their relation's files cannot be
    /// read or are too short, or no relation has these files. Their copies are kept for a later
    /// opening.
    public package(set) var kept = 0
    /// Number of pages whose copies the disk has damaged; they were left unchanged in place.
    public package(set) var damagedCopies = 0

    /// How many pages were written in place.
    public var restored: Int { torn + outdated }

    /// Makes an empty report.
    public init() {}
}

extension JournalReport: CustomStringConvertible {
    /// A sentence without a full stop.
    public var description: String {
        var text =
            "compared \(pages) pages with their copies in \(batches) batches of the"
            + " journal: restored \(torn) that were damaged and \(outdated) that had"
            + " not been written"
        if skipped > 0 { text += ", skipped \(skipped) that no longer exist" }
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
