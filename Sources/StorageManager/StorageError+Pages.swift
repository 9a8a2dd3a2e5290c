public import AsyncIO
package import PageFormat

extension StorageError.Code {
    /// A page to be dropped is pinned.
    public static let pageInUse = Self(rawValue: "pageInUse")
    /// A changed page is not written, as it would not be accepted when read back.
    public static let pageRefused = Self(rawValue: "pageRefused")
}

extension StorageError {
    /// The error for a page that is not written because of its contents.
    package static func refused(
        _ relation: OpenRelation, _ fork: Fork, _ block: BlockNumber,
        _ reason: PageVerification.Reason
    ) -> StorageError {
        StorageError(
            .pageRefused,
            "block \(block) of relation \"\(relation.locator)\(fork.suffix)\" is not"
                + " written, as it could not be read back: \(reason)",
            remedy: "Mend the page's contents, or drop the relation. The page's last written"
                + " version is still on disk.",
            at: relation.location(fork, block: block))
    }
}
