public import PageFormat
internal import Threads

/// Identifies a relation and thereby its files. Mirrors PostgreSQL's `RelFileLocatorBackend`.
public struct RelationLocator: Hashable, Sendable, BitwiseCopyable {
    /// The database's number; zero for relations shared by all databases.
    public let database: UInt32
    /// The relation's file number.
    public let number: UInt32
    /// The session's number plus one for a session-local relation; zero for a shared one.
    public let localSession: UInt32

    /// Names a relation.
    ///
    /// - Parameters:
    ///   - database: the database's number, zero for `global`.
    ///   - number: the file number.
    ///   - session: the number of the session that owns the relation, if it is session-local: a
    ///     `Session`'s `index`.
    public init(database: UInt32, number: UInt32, localTo session: Int? = nil) {
        insist(
            session.map { $0 >= 0 && $0 < Int(UInt32.max) } ?? true,
            "no session has the number \(session ?? 0), to which a relation could be local")
        self.database = database
        self.number = number
        localSession = session.map { UInt32($0) + 1 } ?? 0
    }

    /// Whether only one session uses the relation.
    public var isLocal: Bool { localSession != 0 }
}

extension RelationLocator {
    /// Where a block of the relation belongs, for the seals of sealed pages.
    @inlinable
    public func place(_ fork: Fork, _ block: BlockNumber) -> PagePlace {
        PagePlace(
            database: database, relation: number, localSession: localSession,
            fork: UInt32(fork.rawValue), block: block.rawValue)
    }
}

extension RelationLocator: CustomStringConvertible {
    /// The path of the main fork's first file below the store: `base/1/16384`, `global/1262`, or
    /// `base/1/t3_16384` for a relation local to session 2.
    public var description: String {
        // Joined, not interpolated, which takes longer: it is asked of each of many relations.
        let directory = database == 0 ? "global/" : "base/" + String(database) + "/"
        return isLocal
            ? "\(directory)t\(localSession)_\(number)" : directory + String(number)
    }
}

/// One of the files a relation consists of. Mirrors PostgreSQL's `ForkNumber`.
public enum Fork: UInt8, CaseIterable, Hashable, Sendable, BitwiseCopyable {
    /// The relation's pages.
    case main
    /// The free space map.
    case freeSpaceMap
    /// The visibility map.
    case visibilityMap
    /// The contents an unlogged relation is reset to.
    case initialization

    /// The short name: `main`, `fsm`, `vm` or `init`.
    public var name: String {
        switch self {
        case .main: "main"
        case .freeSpaceMap: "fsm"
        case .visibilityMap: "vm"
        case .initialization: "init"
        }
    }

    /// What the fork's pages look like in a relation of that kind.
    @inlinable
    public func pageKind(in kind: PageKind) -> PageKind {
        switch self {
        case .main, .initialization: kind
        case .freeSpaceMap, .visibilityMap: .postgres
        }
    }

    /// The part of the file name after the relation's number.
    public var suffix: String { self == .main ? "" : "_\(name)" }
}
