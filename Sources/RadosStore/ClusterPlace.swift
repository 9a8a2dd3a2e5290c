public import RadosDisk

/// Where in a Ceph cluster a store or a relation is: `rados:POOL` or `rados:POOL/NAMESPACE`.
public struct ClusterPlace: Hashable, Sendable, CustomStringConvertible {
    private static let scheme = "rados:"

    /// The pool.
    public var pool: String
    /// The namespace within the pool; may be empty.
    public var namespace: String

    /// Reads a place. Returns nil for text that does not begin with `rados:`, or names no pool.
    public init?(_ text: String) {
        guard text.hasPrefix(Self.scheme) else { return nil }
        let parts = text.dropFirst(Self.scheme.count).split(
            separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let pool = parts.first, !pool.isEmpty else { return nil }
        self.pool = String(pool)
        namespace = parts.count > 1 ? String(parts[1]) : ""
    }

    /// Whether text is meant as a place in a cluster.
    public static func isMeant(by text: String) -> Bool { text.hasPrefix(scheme) }

    /// The same text for every spelling of the place. Catalogs record managers by it.
    public var description: String {
        "\(Self.scheme)\(pool)\(namespace.isEmpty ? "" : "/\(namespace)")"
    }

    /// Settings for that place.
    ///
    /// - Parameter timeoutSeconds: how long an operation is retried before it fails.
    public func configuration(timeoutSeconds: Int) -> RadosConfiguration {
        var configuration = RadosConfiguration(pool: pool, namespace: namespace)
        configuration.timeoutSeconds = timeoutSeconds
        return configuration
    }
}
