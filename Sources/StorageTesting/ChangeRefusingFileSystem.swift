internal import AsyncIO
public import FileAccess
public import Threads

/// The kernel's file system without the calls that change something: they fail, and are kept.
///
/// For tests of code that must only look. Any thread.
public final class ChangeRefusingFileSystem: ForwardingFileSystem {
    public let underlying = KernelFileSystem()
    private let attempts = Lock<[String]>([], rank: .observer)

    /// Makes one.
    public init() {}

    /// The changes that were asked for, in order.
    public var refused: [String] { attempts.withLock { $0 } }

    private func refuse(_ call: String) -> CInt {
        attempts.withLock { $0.append(call) }
        return -EROFS
    }

    /// Opens what exists for reading; refuses everything else.
    public func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        let changing: FileOpenFlags = [.create, .exclusive, .truncate]
        if !flags.contains(.readOnly) || !flags.isDisjoint(with: changing) {
            return refuse("open \(path)")
        }
        return underlying.open(path, in: root, flags)
    }

    /// Refuses.
    @unsafe
    public func write(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int {
        Int(refuse("write"))
    }

    /// Refuses.
    public func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt { refuse("sync") }

    /// Refuses.
    public func truncate(_ descriptor: CInt, to size: Int64) -> CInt { refuse("truncate") }

    /// Refuses.
    public func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        refuse("allocate")
    }

    /// Refuses.
    public func startWriteback(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        refuse("startWriteback")
    }

    /// Refuses.
    public func rename(_ path: String, to target: String, in root: CInt) -> CInt {
        refuse("rename \(path)")
    }

    /// Refuses.
    public func unlink(_ path: String, in root: CInt) -> CInt { refuse("unlink \(path)") }

    /// Refuses.
    public func removeDirectory(_ path: String, in root: CInt) -> CInt {
        refuse("removeDirectory \(path)")
    }

    /// Refuses.
    public func makeDirectory(_ path: String, in root: CInt) -> CInt {
        refuse("makeDirectory \(path)")
    }
}
