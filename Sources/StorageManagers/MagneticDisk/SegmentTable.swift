internal import AsyncIO
internal import FileAccess
internal import Threads

/// The open segments of one fork: the first ones, without a gap.
///
/// Safe to use from any thread. An IO takes the lock once, to copy a reference. Opening, creating
/// or truncating segments holds it during system calls, but never while waiting for an IO. A
/// removed segment stays usable for holders of its reference: an IO that was lent its descriptor,
/// or a running `blockCount`.
///
/// Each segment in the table was found to follow only full segments; truncation removes the rest.
struct SegmentTable: ~Copyable, Sendable {
    private let files = Lock<[VirtualFile]>([], rank: .segmentTable)

    /// The segment, if it is open.
    borrowing func file(_ segment: Int) -> VirtualFile? {
        files.withLock { $0.indices.contains(segment) ? $0[segment] : nil }
    }

    /// The last open segment and its number.
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

    /// Calls `body` with exclusive access to the open segments.
    borrowing func change<Result: Sendable, Failure>(
        _ body: (inout [VirtualFile]) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try files.withLock { (files) throws(Failure) in try body(&files) }
    }
}
