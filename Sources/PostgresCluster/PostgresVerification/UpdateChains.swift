internal import AsyncIO
internal import PageFormat
internal import PostgresReading

/// Judges whether the row versions of a page that replace each other go together. Belongs to the
/// checking thread. Mirrors what `verify_heapam` checks from PostgreSQL 16 on.
///
/// A version names its successor in `t_ctid`; that they are parts of one chain shows in the
/// deleter of the first, who is the inserter of the second.
struct UpdateChains {
    /// Whether a server may be changing the files, so that the logs of outcomes may lag behind.
    private let mayChange: Bool
    /// By number: of valid line pointers, the one that it leads to, or zero.
    private var successors: [OffsetNumber?] = []
    /// By number: the line pointer that leads to it.
    private var predecessors: [OffsetNumber] = []
    private(set) var faults: [(linePointer: OffsetNumber, reason: String)] = []

    /// Bits of `t_infomask2`.
    private enum Mask {
        static let hotUpdated: UInt16 = 0x4000
        static let heapOnly: UInt16 = 0x8000
    }

    init(mayChange: Bool) { self.mayChange = mayChange }

    /// Why a version's own header contradicts that it was updated, or is an update; nil if not.
    @inline(__always)
    static func fault(_ header: HeapTupleHeader) -> String? {
        let flags = header.flags
        if header.infomask2 & Mask.hotUpdated != 0, header.xmax == 0,
            !flags.contains(.xmaxInvalid),
            flags.intersection(.xminFrozen) != .xminInvalid
        {
            return "it is marked as updated within the page, but its xmax is 0"
        }
        if header.infomask2 & Mask.heapOnly != 0, !flags.contains(.isUpdate) {
            return "it is marked as heap-only, but not as the result of an update"
        }
        return nil
    }

    /// Whether a version may be a part of a chain on its page.
    @inline(__always)
    static func mayConcern(
        _ header: HeapTupleHeader, _ number: OffsetNumber, _ block: UInt32
    ) -> Bool {
        header.infomask2 & Mask.heapOnly != 0
            || (header.block == block && header.number != number)
    }

    /// Checks a page with a valid header, and puts what is wrong into ``faults``. Time in
    /// proportion to the line pointers.
    ///
    /// - Parameter isPlaced: whether a line pointer leads to bytes where a tuple can be.
    mutating func take(
        _ page: PageView, _ block: UInt32, _ visibility: inout Visibility,
        isPlaced: (LinePointer) -> Bool
    ) {
        faults.removeAll(keepingCapacity: true)
        findSuccessors(page, block, isPlaced)
        for number in page.linePointerNumbers {
            guard let next = successors[Int(number)], next > 0, successors[Int(next)] != nil,
                let pointer = page.linePointer(number)
            else { continue }
            if pointer.state == .redirect {
                if predecessors[Int(next)] != 0 {
                    report(
                        number,
                        "it redirects to line pointer \(next), to which line pointer"
                            + " \(predecessors[Int(next)]) leads too")
                } else {
                    predecessors[Int(next)] = number
                }
            } else {
                check(page, number, next, &visibility)
            }
        }
        for number in page.linePointerNumbers where predecessors[Int(number)] == 0 {
            guard successors[Int(number)] != nil, let header = Self.header(page, number),
                header.infomask2 & Mask.heapOnly != 0,
                visibility.isInserterCommitted(header) == true
            else { continue }
            report(number, "it is heap-only, but no line pointer leads to it")
        }
    }

    private mutating func report(_ number: OffsetNumber, _ reason: String) {
        faults.append((number, reason))
    }

    private mutating func findSuccessors(
        _ page: PageView, _ block: UInt32, _ isPlaced: (LinePointer) -> Bool
    ) {
        let count = page.linePointerCount
        successors.removeAll(keepingCapacity: true)
        successors.append(contentsOf: repeatElement(nil, count: count + 1))
        predecessors.removeAll(keepingCapacity: true)
        predecessors.append(contentsOf: repeatElement(0, count: count + 1))
        for number in page.linePointerNumbers {
            guard let pointer = page.linePointer(number) else { continue }
            if pointer.state == .redirect, pointer.offset >= 1, pointer.offset <= count {
                let target = OffsetNumber(truncatingIfNeeded: pointer.offset)
                if page.linePointer(target)?.state == .normal {
                    successors[Int(number)] = target
                }
            } else if pointer.state == .normal, isPlaced(pointer) {
                guard let header = Self.header(page, number) else { continue }
                let isNext =
                    header.block == block && header.number != number && header.number >= 1
                    && Int(header.number) <= count
                successors[Int(number)] = isNext ? header.number : 0
            }
        }
    }

    /// The header of a tuple; nil if the line pointer has none.
    private static func header(_ page: PageView, _ number: OffsetNumber) -> HeapTupleHeader? {
        guard let pointer = page.linePointer(number), pointer.state == .normal,
            pointer.offset + pointer.length <= page.bytes.byteCount
        else { return nil }
        return HeapTupleHeader(
            page.bytes.extracting(pointer.offset..<pointer.offset + pointer.length))
    }

    /// Checks a version and the one that it names as its successor.
    private mutating func check(
        _ page: PageView, _ number: OffsetNumber, _ next: OffsetNumber,
        _ visibility: inout Visibility
    ) {
        guard let current = Self.header(page, number), let following = Self.header(page, next)
        else { return }
        let inserter =
            following.flags.contains(.xminFrozen)
            ? HeapTupleHeader.frozenTransaction : following.xmin
        guard let updater = visibility.updater(current) else {
            // What the logs do not tell yet may be the missing link.
            if mayChange && predecessors[Int(next)] == 0 { predecessors[Int(next)] = number }
            return
        }
        guard updater != 0, updater == inserter else { return }
        if predecessors[Int(next)] != 0 {
            return report(
                number,
                "it names line pointer \(next) as its new version, to which line pointer"
                    + " \(predecessors[Int(next)]) leads too")
        }
        predecessors[Int(next)] = number
        let isHeapOnly = following.infomask2 & Mask.heapOnly != 0
        if (current.infomask2 & Mask.hotUpdated != 0) != isHeapOnly {
            return report(
                number,
                "it is \(isHeapOnly ? "not " : "")marked as updated within the page, but"
                    + " its new version, line pointer \(next), is \(isHeapOnly ? "" : "not ")"
                    + "heap-only")
        }
        if mayChange { return }
        if visibility.isInserterCommitted(current) == false,
            visibility.isInserterCommitted(following) == true
        {
            report(
                number,
                "its inserter \(current.xmin) did not commit, but that of its new version,"
                    + " line pointer \(next), did")
        }
    }
}
