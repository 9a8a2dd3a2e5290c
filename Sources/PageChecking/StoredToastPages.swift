package import AsyncIO
internal import FileAccess
package import PageFormat
package import StorageManager
internal import ToastFormat

/// The pages of a toast relation as they are on disk, whatever a pool holds. Belongs to one thread.
package struct StoredToastPages: ToastPages {
    package let blockCount: UInt32

    private let name: String
    private let relation: OpenRelation
    private let checksums: Bool
    private let memory = PageSlots(slots: 1, pages: 1)
    /// The page in the memory.
    private var present: UInt32?

    /// - Parameters:
    ///   - name: the relation's name, for messages.
    ///   - relation: the relation.
    ///   - blockCount: how many of its pages readers see.
    ///   - checksums: whether the pages have checksums.
    package init(_ name: String, _ relation: OpenRelation, blockCount: UInt32, checksums: Bool) {
        self.name = name
        self.relation = relation
        self.blockCount = blockCount
        self.checksums = checksums
    }

    package mutating func withPage<Result>(
        _ block: UInt32, _ body: (PageView) -> Result
    ) throws(StorageError) -> Result {
        let page = memory.address(0, 0)
        if present != block {
            present = nil
            let pages: InlineArray<1, PageAddress> = [page]
            try relation.storage.read(.main, block: BlockNumber(block), into: pages.span)
        }
        let memory = memory
        return try withExtendedLifetime(memory) { () throws(StorageError) in
            // This value alone has the memory.
            let view = unsafe PageView(unsafePage: UnsafeRawPointer(page.pointer))
            if present != block,
                case .invalid(let fault) = view.verify(
                    block: block, checksums: checksums)
            {
                throw StorageError(
                    .invalidPage, "relation \"\(name)\", fork main, block \(block): \(fault)",
                    at: StorageError.Location(relation: name, fork: "main", block: block))
            }
            present = block
            return body(view)
        }
    }
}
