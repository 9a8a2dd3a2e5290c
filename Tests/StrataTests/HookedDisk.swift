import AsyncIO
import BufferManager
import CompressedDisk
import MagneticDisk
import StorageManager
import StorageTesting
import Strata
import Testing
import Threads

/// What a test does when a ``HookedDisk`` is called.
final class DiskHooks: Sendable {
    enum Call { case truncate, read }

    typealias Hook = @Sendable (Call, Fork) -> Void

    private let state = Lock<(hook: Hook?, tornReads: Fork?)>((nil, nil), rank: .observer)

    /// The hook, which is called before a call goes through.
    var hook: Hook? {
        get { state.withLock { $0.hook } }
        set { state.withLock { $0.hook = newValue } }
    }

    /// The fork whose pages are torn if they are read beside the pool, as those are that another
    /// thread is writing.
    var tornReads: Fork? {
        get { state.withLock { $0.tornReads } }
        set { state.withLock { $0.tornReads = newValue } }
    }
}

/// A built-in manager under another name, which calls a test.
final class HookedDisk: ForwardingStorageManager {
    static let name = "hooked"

    let base: any StorageManager
    private let hooks: DiskHooks

    private init(
        _ context: StorageManagerPlugin.Context, _ base: String, _ hooks: DiskHooks
    ) throws(StorageError) {
        self.hooks = hooks
        if base == "magnetic" {
            var configuration = MagneticDiskConfiguration()
            configuration.segmentBlocks = context.segmentBlocks
            self.base = try MagneticDisk(
                files: context.files, system: context.system, configuration: configuration)
        } else {
            self.base = try CompressedDisk(files: context.files, system: context.system)
        }
    }

    static func plugin(_ base: String, _ hooks: DiskHooks) -> StorageManagerPlugin {
        StorageManagerPlugin(id: StorageManagerID(rawValue: 9), name: name) {
            context throws(StorageError) in
            try HookedDisk(context, base, hooks)
        }
    }

    var name: String { Self.name }

    func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage
    {
        HookedRelation(try base.open(locator, target: target), hooks)
    }
}

private final class HookedRelation: ForwardingRelationStorage {
    let base: any RelationStorage
    private let hooks: DiskHooks

    init(_ base: any RelationStorage, _ hooks: DiskHooks) {
        self.base = base
        self.hooks = hooks
    }

    func truncate(_ fork: Fork, to count: UInt32, session: Session) throws(StorageError) {
        hooks.hook?(.truncate, fork)
        try base.truncate(fork, to: count, session: session)
    }

    func read(_ fork: Fork, block: BlockNumber, into pages: Span<PageAddress>)
        throws(StorageError)
    {
        hooks.hook?(.read, fork)
        try base.read(fork, block: block, into: pages)
        guard hooks.tornReads == fork else { return }
        for position in pages.indices {
            for offset in stride(from: blockSize / 2, to: blockSize, by: 8) {
                unsafe pages[position].bytes.storeBytes(
                    of: 0x5A5A, toByteOffset: offset, as: UInt64.self)
            }
        }
    }
}

/// A page that a test's hook pins, in the middle of a call of the engine.
///
/// Used by one thread at a time.
final class HeldPage: @unchecked Sendable {
    private let buffers: BufferManager
    private let relation: OpenRelation
    private let fork: Fork
    private let session: Session
    private var page: PinnedPage?
    private(set) var isHeld = false

    /// Does not keep the relation in use.
    init(_ relation: Relation, _ fork: Fork, _ session: Session) {
        (buffers, self.relation) = (relation.engine.buffers, relation.open)
        (self.fork, self.session) = (fork, session)
    }

    /// Pins it as a reader does that has looked for the fork's end already.
    func take(_ block: BlockNumber) {
        do throws(StorageError) {
            page = try buffers.page(block, of: relation, fork: fork, session: session)
            isHeld = true
        } catch {
            Issue.record("\(error)")
        }
    }

    func fill(_ mark: UInt8) throws {
        guard let page = page.take() else { throw CancellationError() }
        try page.fill(mark)
        self.page = consume page
    }

    func release() {
        page = nil
        isHeld = false
    }
}

extension Relation {
    /// Makes a fork at least that long. Each new page is of zeroes, and gets a mark.
    func grow(_ fork: Fork, to count: UInt32, mark: UInt8, _ session: Session) throws {
        while try blockCount(of: fork) < count {
            var pages = try extend(fork: fork, by: 4, session: session)
            while let page = pages.next() {
                #expect(page.withView { $0.isAllZero }, "block \(page.block) is not new")
                try page.fill(mark)
            }
        }
    }

    /// The marks of a fork's pages.
    func marks(of fork: Fork, _ session: Session) throws -> [UInt8] {
        try (0..<blockCount(of: fork)).map { block in
            let page = try page(BlockNumber(block), fork: fork, session: session)
            return try page.withView { $0.isAllZero ? 0 : try $0.mark(block) }
        }
    }
}
