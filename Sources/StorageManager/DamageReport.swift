package import AsyncIO

/// The damage found in the pages of one read, small enough for `IOResult/errorData`.
///
/// | bits | meaning |
/// |---|---|
/// | 0 | pages were zeroed |
/// | 1 | checksum failures were ignored |
/// | 2–9 | the number of invalid pages; if none, of zeroed ones; if none, of ignored ones |
/// | 10–17 | the position of the first of them, counted from the read's first block |
/// | 18–25 | the number of ignored checksum failures |
///
/// Mirrors PostgreSQL's `buffer_readv_encode_error`.
package struct DamageReport: Equatable {
    package var invalid = 0
    package var zeroed = 0
    package var ignored = 0
    /// The position of the first invalid page; if none, of the first zeroed, then ignored one.
    package var first = 0

    package init() {}

    package var isClean: Bool { invalid == 0 && zeroed == 0 && ignored == 0 }

    /// Counts a page at a position. ``first`` is the first page of the gravest kind.
    package mutating func note(_ damage: Damage, at position: Int) {
        switch damage {
        case .none: return
        case .invalid:
            if invalid == 0 { first = position }
            invalid += 1
        case .zeroed(let ignoresChecksum):
            if invalid == 0 && zeroed == 0 { first = position }
            zeroed += 1
            if ignoresChecksum { ignored += 1 }
        case .ignored:
            if isClean { first = position }
            ignored += 1
        }
    }

    package var encoded: UInt32 {
        let count = invalid > 0 ? invalid : zeroed > 0 ? zeroed : ignored
        let flags: UInt32 = (zeroed > 0 ? 1 : 0) | (ignored > 0 ? 2 : 0)
        return flags | UInt32(count) << 2 | UInt32(first) << 10 | UInt32(ignored) << 18
    }

    package init(_ result: IOResult) {
        let data = result.errorData
        let count = Int(data >> 2 & 0xFF)
        first = Int(data >> 10 & 0xFF)
        ignored = Int(data >> 18 & 0xFF)
        if result.status == .error {
            invalid = count
        } else if data & 1 != 0 {
            zeroed = count
        }
    }
}

/// The damage of one page that was read.
package enum Damage: Equatable {
    case none
    case invalid
    /// Replaced by zeroes; its checksum was wrong too, and would have been ignored.
    case zeroed(ignoresChecksum: Bool)
    case ignored
}

extension DamageReport {
    /// Describes the report. Mirrors PostgreSQL's `buffer_readv_report`.
    package func error(_ label: RelationLabel) -> StorageError {
        let (message, remedy) = text(label)
        return StorageError(
            .invalidPage, message, remedy: remedy,
            at: StorageError.Location(
                relation: label.locator.description, fork: label.fork.name,
                block: label.block.advanced(by: first).rawValue))
    }

    private func text(_ label: RelationLabel) -> (String, remedy: String?) {
        let relation = "of relation \"\(label.locator)\(label.fork.suffix)\""
        let place = label.block.advanced(by: first)
        let last = label.block.advanced(by: max(0, Int(label.count) - 1))
        let range = "among blocks \(label.block)..\(last) \(relation)"
        if invalid > 0 {
            let remedy =
                "Restore it from a backup, or read with zeroesDamagedPages to go on without it."
            if invalid == 1 { return ("invalid page in block \(place) \(relation)", remedy) }
            return (
                "\(invalid) invalid pages \(range) (block \(place) held the first invalid page)",
                "Restore them from a backup, or read with zeroesDamagedPages to go on without them."
            )
        }
        if zeroed > 0 && ignored > 0 {
            return (
                "zeroing \(zeroed) page(s) and ignoring \(ignored) checksum failure(s) \(range)"
                    + " (block \(place) held the first zeroed page)", nil
            )
        }
        if zeroed > 0 {
            if zeroed == 1 {
                return ("invalid page in block \(place) \(relation); zeroing out page", nil)
            }
            return (
                "zeroing out \(zeroed) invalid pages \(range)"
                    + " (block \(place) held the first zeroed page)", nil
            )
        }
        if ignored == 1 {
            return ("ignoring checksum failure in block \(place) \(relation)", nil)
        }
        return (
            "ignoring \(ignored) checksum failures \(range)"
                + " (block \(place) held the first ignored page)", nil
        )
    }
}
