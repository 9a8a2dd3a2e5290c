/// The parts of a segment file's name, such as `16384_fsm.2`; nil for other names.
package struct SegmentName: Equatable {
    /// The relation's file number.
    package let number: UInt32
    /// The fork.
    package let fork: Fork
    /// The number of the segment within the fork, from zero.
    package let segment: UInt32

    /// Parses a name.
    package init?(_ name: String) {
        let parts = name.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 {
            guard let segment = UInt32(parts[1]), segment > 0, String(segment) == parts[1] else {
                return nil
            }
            self.segment = segment
        } else {
            segment = 0
        }
        let base = parts[0].split(separator: "_", maxSplits: 1, omittingEmptySubsequences: false)
        guard let number = UInt32(base[0]), String(number) == base[0] else { return nil }
        self.number = number
        if base.count == 2 {
            guard let fork = Fork.allCases.first(where: { $0 != .main && $0.name == base[1] })
            else { return nil }
            self.fork = fork
        } else {
            fork = .main
        }
    }
}
