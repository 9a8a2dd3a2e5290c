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
