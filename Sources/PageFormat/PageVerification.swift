internal import CPlatform

/// What looking at a page that came from disk found.
public enum PageVerification: Hashable, Sendable {
    /// Initialised, plausible, and with the right checksum if that was asked for.
    case valid
    /// All zeroes: a page that was added to a file and never written. It has no checksum.
    case new
    /// Not to be shown to anyone.
    case invalid(Reason)

    /// Why a page is invalid.
    public enum Reason: Hashable, Sendable {
        /// `found` stands in the header, while the page's content at this block calls for
        /// `expected`.
        case checksumMismatch(expected: UInt16, found: UInt16)
        /// The header cannot be so, while the checksum (if asked for) is right.
        case badHeader(PageHeader.Field)
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
    /// Decides whether a page read from `block` of a fork is what was once written there.
    /// Mirrors PostgreSQL's `PageIsVerified`. Neither allocates nor blocks; any thread may call
    /// it while others read the page.
    ///
    /// - Parameters:
    ///   - block: counted from the fork's beginning, across all segments.
    ///   - checksums: whether the store keeps checksums. Without, only the header is looked at.
    public func verify(block: UInt32, checksums: Bool) -> PageVerification {
        if checksums && !isNew {
            return verify(computed: PageChecksum.compute(self, block: block))
        }
        return verify(computed: nil)
    }

    /// Decides the same where the checksum that the content calls for is known already.
    ///
    /// - Parameter checksum: what ``PageChecksum`` computed of this page at its block; nil if the
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

    /// Whether all 8192 bytes are zero.
    public var isAllZero: Bool {
        unsafe bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return true }
            // A view has exactly the 8192 bytes that are looked at.
            return unsafe strata_page_is_zero(start)
        }
    }
}

extension PageVerification.Reason: CustomStringConvertible {
    /// What is wrong, without naming the page.
    public var description: String {
        switch self {
        case .checksumMismatch(let expected, let found):
            "checksum \(found) is stored where the content calls for \(expected)"
        case .badHeader(let field):
            "the page header's \(field) is not possible"
        }
    }
}
