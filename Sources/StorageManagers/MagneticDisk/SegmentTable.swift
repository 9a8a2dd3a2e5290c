internal import AsyncIO
internal import FileAccess

/// The segments of one fork that are open: the first ones, without a gap.
///
/// Any thread. An IO takes the lock once, to copy a reference out; whoever opens, creates or
/// truncates segments holds it while it asks the kernel, but never while it waits for an IO.
/// A segment that is removed stays usable for whoever copied its reference: the IO that was lent
/// its descriptor, a `blockCount` under way.
/// What is in the table was once found to follow only full segments; truncation removes the rest.
struct SegmentTable: ~Copyable, Sendable {
    private let files = Lock<[VirtualFile]>([])

    /// The segment, if it is open.
    borrowing func file(_ segment: Int) -> VirtualFile? {
        files.withLock { $0.indices.contains(segment) ? $0[segment] : nil }
    }

    /// The last open segment with its number.
    borrowing func last() -> (segment: Int, file: VirtualFile)? {
        files.withLock { files in files.last.map { (files.count - 1, $0) } }
    }

    /// All open segments.
    var all: [VirtualFile] { borrowing get { files.withLock { $0 } } }

    /// Forgets all segments and returns them.
    borrowing func removeAll() -> [VirtualFile] {
        files.withLock { files in
            defer { files = [] }
            return files
        }
    }

    /// Runs `body` alone on the open segments.
    borrowing func change<Result: Sendable, Failure>(
        _ body: (inout [VirtualFile]) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try files.withLock { (files) throws(Failure) in try body(&files) }
    }
}
