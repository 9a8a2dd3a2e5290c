/// Where a ``RadosDisk`` keeps relations, and how long it waits.
public struct RadosConfiguration: Sendable, Hashable {
    /// The pool.
    public var pool: String
    /// The namespace within the pool. It belongs to one writer at a time; may be empty.
    public var namespace: String
    /// The name under which catalogs record the manager.
    public var managerName = "rados"
    /// The user, without `client.`.
    public var user = "admin"
    /// The cluster's configuration file; nil for the one that `CEPH_CONF` names, else
    /// `/etc/ceph/ceph.conf`.
    public var configurationPath: String?
    /// How long, in seconds, an operation is retried before it fails, from 2 to 3600. A shorter
    /// outage only delays it. Set it longer than the cluster takes to declare a silent OSD dead.
    public var timeoutSeconds = 20
    /// How long, in seconds, the present writer has to answer a process that wants its place, from
    /// 1 to 60.
    public var livenessSeconds = 5
    /// How long, in seconds, the cluster refuses a process that lost its place; at least 60.
    /// Afterwards the objects' epochs keep its writes out.
    public var blocklistSeconds = 3600
    /// For how long, in seconds, operations on relations time out at once after one that did.
    var restSeconds: UInt64 = 1

    /// Makes settings for a namespace of a pool.
    public init(pool: String, namespace: String = "") {
        self.pool = pool
        self.namespace = namespace
    }

    /// `pool/namespace`, or the pool alone.
    public var place: String { namespace.isEmpty ? pool : "\(pool)/\(namespace)" }
}

#if RADOS
    internal import AsyncIO

    extension RadosConfiguration {
        func validate() throws(StorageError) {
            try check(!pool.isEmpty, "the pool's name is empty")
            try check((2...3600).contains(timeoutSeconds), "the time-out is not 2 to 3600 seconds")
            try check(
                (1...60).contains(livenessSeconds), "the time to answer is not 1 to 60 seconds")
            try check(blocklistSeconds >= 60, "the time of refusal is below 60 seconds")
        }

        private func check(_ holds: Bool, _ sentence: String) throws(StorageError) {
            if holds { return }
            throw StorageError(
                .invalidConfiguration, sentence,
                remedy: "Correct the RadosConfiguration of \(place).")
        }
    }
#endif
