internal import AsyncIO
internal import FileAccess
internal import PostgresReading

/// The files of a log of transactions' outcomes that must exist, by the control file: a checkpoint
/// writes them before it writes that. Mirrors the page arithmetic of `clog.c` and `multixact.c`.
struct OutcomeLog {
    /// A log.
    enum Kind: CaseIterable {
        case transactions
        case multixacts
        case members

        var folder: String {
            switch self {
            case .transactions: "pg_xact"
            case .multixacts: "pg_multixact/offsets"
            case .members: "pg_multixact/members"
            }
        }

        /// How many entries a page has.
        var perPage: UInt32 {
            switch self {
            case .transactions: 32_768
            case .multixacts: 2048
            case .members: 1636
            }
        }
    }

    /// A file that is missing or too short.
    struct Fault {
        let path: String
        let isMissing: Bool
        /// Whether none of the older ones is there either.
        let isOldest: Bool
        let reason: String
    }

    private let kind: Kind
    private let firstPage: UInt32
    private let lastPage: UInt32

    private static let pageBytes: Int64 = 8192
    private static let segmentPages: UInt32 = 32

    /// What a control file says of a log; nil if it needs no file, or does not say which is the
    /// first one.
    init?(_ kind: Kind, _ control: ClusterControl, _ log: TransactionLog) {
        let next: UInt32
        let first: UInt32
        switch kind {
        case .transactions: (first, next) = (control.oldestTransaction, control.nextTransaction)
        case .multixacts: (first, next) = (control.oldestMultixact, control.nextMultixact)
        case .members:
            next = control.nextMemberOffset
            let isEmpty = control.oldestMultixact == control.nextMultixact
            guard !isEmpty, let oldest = log.firstMember(ofMultixact: control.oldestMultixact)
            else { return nil }
            first = oldest
        }
        // A page is made with its first entry, which is the next one.
        if first == next && next % kind.perPage == 0 { return nil }
        self.kind = kind
        firstPage = first / kind.perPage
        lastPage = (next &- 1) / kind.perPage
    }

    /// What is missing or too short, the oldest first. Neighbours are one fault.
    func faults(_ directory: DataDirectory) -> [Fault] {
        let last = lastPage / Self.segmentPages
        let end = UInt32.max / kind.perPage / Self.segmentPages
        var number = firstPage / Self.segmentPages
        var faults: [Fault] = []
        var missing: [UInt32] = []
        var isOldest = true
        while true {
            if let bytes = bytes(directory, number) {
                if let first = missing.first {
                    faults.append(fault(first, count: missing.count, isOldest))
                    missing = []
                }
                isOldest = false
                let needed = neededBytes(number, last: last, end: end)
                if bytes < needed {
                    faults.append(
                        Fault(
                            path: path(number), isMissing: false, isOldest: false,
                            reason: "it has \(bytes) bytes; by the control file it has at least"
                                + " \(needed)"))
                }
            } else {
                missing.append(number)
            }
            if number == last { break }
            number = number == end ? 0 : number + 1
        }
        if let first = missing.first {
            // The latest file is never too old.
            faults.append(fault(first, count: missing.count, false))
        }
        return faults
    }

    private func fault(_ number: UInt32, count: Int, _ isOldest: Bool) -> Fault {
        let more = count > 1 ? " with the \(count - 1) after it" : ""
        return Fault(
            path: path(number), isMissing: true, isOldest: isOldest,
            reason: "it is missing\(more), although transactions in it may still be needed")
    }

    private func neededBytes(_ number: UInt32, last: UInt32, end: UInt32) -> Int64 {
        let lastOfLog = UInt32.max / kind.perPage
        let page = number == last ? lastPage : number == end ? lastOfLog : nil
        return Int64(page.map { $0 % Self.segmentPages + 1 } ?? Self.segmentPages) * Self.pageBytes
    }

    /// The bytes of a segment; nil if it is missing.
    private func bytes(_ directory: DataDirectory, _ number: UInt32) -> Int64? {
        do throws(StorageError) {
            let status = try directory.files.status(of: path(number))
            return status.flatMap { $0.kind == .file ? $0.size : nil }
        } catch {
            // It is there, and cannot be looked at.
            return 0
        }
    }

    private func path(_ number: UInt32) -> String {
        let digits = String(number, radix: 16, uppercase: true)
        return kind.folder + "/" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
