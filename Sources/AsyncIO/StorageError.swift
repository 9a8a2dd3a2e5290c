/// A failure in a layer of the storage stack: a code to act on, a message that names the object,
/// and what the caller can do about it.
///
/// Every layer throws this one type. A layer adds codes of its own by extending ``Code``. It adds
/// identity that it alone knows (such as the relation) by wrapping a lower error as ``underlying``.
/// Copying costs one retain. Safe to send between threads.
public struct StorageError: Error, Sendable {
    /// What kind of failure it is: stable, comparable, meant for `switch` and `==`.
    public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The code's stable name, such as `readFailed`.
        public let rawValue: String

        /// Makes a code of that name. Layers and storage managers define theirs as static members.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The code's name.
        public var description: String { rawValue }
    }

    /// The object an error is about, as far as the layer that threw it knows.
    public struct Location: Sendable, Hashable {
        /// The relation, as its locator prints (`base/1/16384`) or by its catalog name.
        public var relation: String?
        /// The relation's fork: `main`, `fsm`, `vm` or `init`.
        public var fork: String?
        /// The first block concerned.
        public var block: UInt32?
        /// The file concerned, relative to the store if the layer knows the store.
        public var path: String?

        /// Makes a location from the parts that are known.
        public init(
            relation: String? = nil, fork: String? = nil, block: UInt32? = nil, path: String? = nil
        ) {
            self.relation = relation
            self.fork = fork
            self.block = block
            self.path = path
        }
    }

    private final class Contents: Sendable {
        let code: Code
        let message: String
        let remedy: String?
        let location: Location
        let errorNumber: CInt?
        let underlying: StorageError?

        init(
            _ code: Code, _ message: String, _ remedy: String?, _ location: Location,
            _ errorNumber: CInt?, _ underlying: StorageError?
        ) {
            self.code = code
            self.message = message
            self.remedy = remedy
            self.location = location
            self.errorNumber = errorNumber
            self.underlying = underlying
        }
    }

    private let contents: Contents

    /// Makes an error.
    ///
    /// - Parameters:
    ///   - code: what kind of failure it is.
    ///   - message: one sentence without a full stop, naming the object.
    ///   - remedy: what the caller can do, as a sentence.
    ///   - location: the object concerned.
    ///   - errorNumber: the kernel's `errno`, where a system call failed.
    ///   - underlying: the lower layer's error that caused this one.
    public init(
        _ code: Code, _ message: String, remedy: String? = nil, at location: Location = Location(),
        errorNumber: CInt? = nil, underlying: StorageError? = nil
    ) {
        contents = Contents(code, message, remedy, location, errorNumber, underlying)
    }

    /// What kind of failure it is.
    public var code: Code { contents.code }
    /// One sentence that names the object.
    public var message: String { contents.message }
    /// What the caller can do about it, if anything is known to help.
    public var remedy: String? { contents.remedy }
    /// The relation, fork, block and file concerned.
    public var location: Location { contents.location }
    /// The kernel's `errno`, where a system call failed here or below.
    public var errorNumber: CInt? { contents.errorNumber ?? underlying?.errorNumber }
    /// The lower layer's error that caused this one.
    public var underlying: StorageError? { contents.underlying }
}

extension StorageError: CustomStringConvertible {
    /// The message, the cause and the remedy in one line.
    public var description: String {
        var text = message
        if let number = contents.errorNumber { text += ": \(errorText(number))" }
        if let underlying { text += ": \(underlying.message)" }
        if let underlying, let number = underlying.contents.errorNumber {
            text += ": \(errorText(number))"
        }
        if let remedy = remedy ?? underlying?.remedy { text += ". \(remedy)" }
        return text
    }
}

extension StorageError.Code {
    /// A handle, batch, reference or registry was used in a way the interface forbids.
    public static let misuse = Self(rawValue: "misuse")
    /// A setting lies outside its allowed range.
    public static let invalidConfiguration = Self(rawValue: "invalidConfiguration")
    /// The chosen IO method cannot run here.
    public static let methodUnavailable = Self(rawValue: "methodUnavailable")
    /// All sessions, handles, buffers or descriptors that the configuration allows are in use.
    public static let resourcesExhausted = Self(rawValue: "resourcesExhausted")
    /// An IO failed, and no layer above the core knew more about it.
    public static let inputOutput = Self(rawValue: "inputOutput")
    /// The engine, session or registry has been closed.
    public static let closed = Self(rawValue: "closed")
}

/// Failures of storage that is not on this machine, or that others may take over.
extension StorageError.Code {
    /// The storage did not answer within the time-out. A write may still arrive later.
    public static let timedOut = Self(rawValue: "timedOut")
    /// The storage is full, or a quota is used up.
    public static let noSpace = Self(rawValue: "noSpace")
    /// Another process has taken the storage over. Final: every later call fails as well.
    public static let fenced = Self(rawValue: "fenced")
    /// The storage cannot be reached, or refused the connection.
    public static let connectFailed = Self(rawValue: "connectFailed")
    /// Another process that is alive has the storage.
    public static let inUse = Self(rawValue: "inUse")
    /// An object of the storage is damaged, or missing where one must be.
    public static let damagedObject = Self(rawValue: "damagedObject")
}
