internal import CPlatform

/// The result of verifying a page from disk.
public enum PageVerification: Hashable, Sendable {
    /// Initialised, plausible, and with the right checksum if that was checked.
    case valid
    /// All zeroes: a page that was added to a file and never written. It has no checksum.
    case new
    /// Damaged. Its contents must not be shown.
    case invalid(Reason)

    /// Why a page is invalid.
    public enum Reason: Hashable, Sendable {
        /// The header contains `found`, but the page's contents at this block require `expected`.
        case checksumMismatch(expected: UInt16, found: UInt16)
        /// The header is invalid, though the checksum (if checked) is right.
        case badHeader(PageHeader.Field)
        /// A sealed page has the CRC `found`, but its contents at this place require `expected`.
        case wrongSeal(expected: UInt32, found: UInt32)
        /// A page that should be sealed has no seal.
        case missingSeal
        /// A page in memory has contents in bytes 8 to 15, where its seal must go.
        case contentsInSeal
        /// The storage has lost the page, and gives the bytes that stand for lost ones.
        case lost
    }

    /// Whether the page may be used: valid or new.
    @inlinable
    public var isUsable: Bool {
        switch self {
        case .valid, .new: true
        case .invalid: false
        }
    }
}

extension PageView {
    /// Checks whether a page read from `block` of a fork is what was once written there. Mirrors
    /// PostgreSQL's `PageIsVerified`. Neither allocates nor blocks. Safe to call from any thread
    /// while others read the page.
    ///
    /// - Parameters:
    ///   - block: counted from the beginning of the fork, across all segments.
    ///   - checksums: whether the store keeps checksums. If not, only the header is checked.
    public func verify(block: UInt32, checksums: Bool) -> PageVerification {
        if checksums && !isNew {
            return verify(computed: PageChecksum.compute(self, block: block))
        }
        return verify(computed: nil)
    }

    /// Checks the page with a checksum that was computed already.
    ///
    /// - Parameter checksum: the result of ``PageChecksum`` for this page at its block; nil if the
    ///   store keeps no checksums.
    public func verify(computed checksum: UInt16?) -> PageVerification {
        if isNew {
            return isAllZero ? .new : .invalid(.badHeader(.upper))
        }
        if let checksum, checksum != storedChecksum {
            return .invalid(.checksumMismatch(expected: checksum, found: storedChecksum))
        }
        if let field = header.fault {
            return .invalid(.badHeader(field))
        }
        return .valid
    }

    /// Whether all bytes are 0xFF, with which storage managers fill pages that they have lost.
    public var isLostFiller: Bool {
        for offset in stride(from: 0, to: PageLayout.size, by: 4)
        where bytes.uint32(at: offset) != .max { return false }
        return true
    }

    /// Whether all 8192 bytes are zero.
    public var isAllZero: Bool {
        unsafe bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return true }
            // A view has exactly the 8192 bytes that are checked.
            return unsafe strata_page_is_zero(start)
        }
    }
}

extension PageVerification.Reason: CustomStringConvertible {
    /// Describes the reason, without naming the page.
    public var description: String {
        switch self {
        case .checksumMismatch(let expected, let found):
            "checksum \(found) is stored where the content calls for \(expected)"
        case .badHeader(let field):
            "the page header's \(field) is invalid"
        case .wrongSeal(let expected, let found):
            "the seal has the CRC \(found) where the content and the page's place call for"
                + " \(expected)"
        case .missingSeal:
            "the page has no seal"
        case .lost: "its storage has lost it"
        case .contentsInSeal:
            "bytes 8 to 15, where the seal of a sealed page goes, are not zero"
        }
    }
}
