/// Works that queue for handles and buffers, first come, first served.
struct WorkQueue {
    /// How many abandoned works may stand in a queue before they are looked for.
    static let compactionThreshold = 256

    private var works: [CoreWork?] = []
    private var head = 0

    var isEmpty: Bool { head == works.count }
    var first: CoreWork? { isEmpty ? nil : works[head] }

    mutating func append(_ work: CoreWork) { works.append(work) }

    mutating func removeFirst() {
        works[head] = nil
        head += 1
        if head == works.count {
            works.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 1024 && head > works.count / 2 {
            works.removeFirst(head)
            head = 0
        }
    }

    /// Takes out those that nobody wants any more. O(length).
    mutating func removeAbandoned() -> [CoreWork] {
        var taken: [CoreWork] = []
        var kept: [CoreWork?] = []
        for case let work? in works[head...] {
            if work.isAbandoned { taken.append(work) } else { kept.append(work) }
        }
        works = kept
        head = 0
        return taken
    }
}
