internal import PostgresReading

/// The transactions and multixacts that rows may name. Mirrors `get_xid_status` and
/// `check_mxid_in_range` of `verify_heapam.c`.
struct TransactionLimits {
    /// The next numbers; nil if a server may have given out more since its last checkpoint.
    let nextTransaction: UInt32?
    let nextMultixact: UInt32?
    /// Zero if the control file does not tell.
    let oldestTransaction: UInt32
    let oldestMultixact: UInt32
    /// The relation's own; zero if unknown, or if a server may not have written all pages that it
    /// froze before it changed the catalog.
    let frozenTransaction: UInt32
    let frozenMultixact: UInt32

    private static let firstNormal: UInt32 = 3

    init(_ control: ClusterControl, _ known: KnownRelation?, mayChange: Bool) {
        nextTransaction = mayChange ? nil : control.nextTransaction
        nextMultixact = mayChange ? nil : control.nextMultixact
        oldestTransaction = control.oldestTransaction
        oldestMultixact = control.oldestMultixact
        frozenTransaction = mayChange ? 0 : known?.frozenTransaction ?? 0
        frozenMultixact = mayChange ? 0 : known?.oldestMultixact ?? 0
    }

    /// Whether the first number is older. Numbers wrap around.
    private static func precedes(_ first: UInt32, _ second: UInt32) -> Bool {
        Int32(bitPattern: first &- second) < 0
    }

    private func isTooOld(_ transaction: UInt32) -> Bool {
        oldestTransaction != 0 && Self.precedes(transaction, oldestTransaction)
    }

    /// Why no row can name a transaction; nil if it can.
    func fault(transaction number: UInt32, _ name: String) -> String? {
        // The common case first.
        if number < Self.firstNormal { return nil }
        let isOld =
            isTooOld(number)
            || frozenTransaction >= Self.firstNormal && Self.precedes(number, frozenTransaction)
        let isNew = nextTransaction.map { !Self.precedes(number, $0) } ?? false
        if !isOld && !isNew { return nil }
        if isNew, let nextTransaction {
            return "\(name) \(number) equals or exceeds the next transaction \(nextTransaction)"
        }
        return isTooOld(number)
            ? "\(name) \(number) precedes the oldest valid transaction \(oldestTransaction)"
            : "\(name) \(number) precedes the relation's relfrozenxid \(frozenTransaction)"
    }

    /// Why no row can name a multixact; nil if it can.
    func fault(multixact number: UInt32) -> String? {
        if number == 0 { return "multixact 0 is invalid" }
        if let nextMultixact, !Self.precedes(number, nextMultixact) {
            return "multixact \(number) equals or exceeds the next multixact \(nextMultixact)"
        }
        if oldestMultixact != 0, Self.precedes(number, oldestMultixact) {
            return "multixact \(number) precedes the oldest valid multixact \(oldestMultixact)"
        }
        if frozenMultixact != 0, Self.precedes(number, frozenMultixact) {
            return "multixact \(number) precedes the relation's relminmxid \(frozenMultixact)"
        }
        return nil
    }
}
