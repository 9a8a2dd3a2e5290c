public import PageFormat
public import StorageManager

/// A copy of a relation's last page, to which an append adds rows.
///
/// The copy takes the page's place when the load is committed; until then readers see the page as
/// it was. Belongs to the load's thread.
public final class LastPage {
    package let replacement: PageReplacement

    package init(_ replacement: PageReplacement) { self.replacement = replacement }

    /// The page's block.
    public var block: BlockNumber { replacement.block }

    /// Changes the copy. Callers must not do that while or after the load is committed, and must
    /// only add to it: the rows that are there count already.
    public func withEditor<Result, Failure>(
        _ body: (inout PageEditor) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try replacement.withEditor(body)
    }
}
