package import PageFormat

/// The pages of a toast relation.
package protocol ToastPages {
    /// Why a page cannot be read.
    associatedtype Failure: Error & CustomStringConvertible

    /// How many pages there are.
    var blockCount: UInt32 { get }

    /// Calls `body` with a page, which must be below ``blockCount``.
    mutating func withPage<Result>(
        _ block: UInt32, _ body: (PageView) -> Result
    ) throws(Failure) -> Result
}
