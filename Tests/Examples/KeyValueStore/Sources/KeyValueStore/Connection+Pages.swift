import Strata

/// Taking and giving back pages. The caller has the meta page latched.
extension Connection {
    /// Takes pages of the free list, of those behind the last used one, or of a longer file.
    ///
    /// Nothing is changed yet but `meta`, which the caller's record sets: after an error or a crash
    /// the pages are where they were.
    func allocate(_ count: Int, _ meta: inout MetaPage) throws -> [Pin] {
        var pins: [Pin] = []
        while pins.count < count {
            if meta.free != 0 {
                let block = meta.free
                let next: UInt32? = try relation.read(BlockNumber(block), session: session) {
                    page in
                    guard try page.load(Layout.kind, as: UInt8.self) == Kind.free.rawValue else {
                        return nil
                    }
                    return try page.load(Layout.last, as: UInt32.self)
                }
                guard let next else {
                    throw KeyValueError.damaged("block \(block) is on the free list, but in use")
                }
                meta.free = next
                pins.append(try pin(block))
            } else {
                if meta.used >= relation.blockCount { try extend(count - pins.count) }
                pins.append(try pin(meta.used))
                meta.used += 1
            }
        }
        return pins
    }

    /// Makes the file longer: by more than is needed, the larger it is.
    private func extend(_ count: Int) throws {
        let ahead = min(Int(relation.blockCount) / 8, Self.mostAhead)
        var missing = max(count, ahead, 1)
        while missing > 0 {
            let pages = try relation.extend(by: min(missing, 32), session: session)
            missing -= pages.count
        }
    }

    private static let mostAhead = 512

    /// Puts the pages of a chain on the free list, in the record that is being built.
    func free(_ reference: OverflowReference, _ meta: inout MetaPage) throws -> [Pin] {
        var pins: [Pin] = []
        var block = reference.first
        for _ in 0..<OverflowReference.pageCount(Int(reference.length)) {
            guard
                let (_, next) = try relation.read(
                    BlockNumber(block), session: session,
                    { page in try page.overflowPart(reference.chain) })
            else { throw KeyValueError.damaged("a value lacks its page \(block)") }
            pins.append(try free(block, &meta))
            block = next
        }
        return pins
    }

    /// Puts a page on the free list, in the record that is being built.
    func free(_ block: UInt32, _ meta: inout MetaPage) throws -> Pin {
        record.free(block, next: meta.free)
        meta.free = block
        return try pin(block)
    }
}
