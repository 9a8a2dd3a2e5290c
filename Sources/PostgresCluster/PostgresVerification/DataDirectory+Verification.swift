public import AsyncIO
internal import FileAccess
public import PostgresReading

extension DataDirectory {
    /// Checks all files of all relations as they are on disk, and that those are there which the
    /// catalogs, links and other files tell of.
    ///
    /// Verifies each page's header, its checksum if the cluster has checksums, and that it is of
    /// its relation's access method; a relation's segments and forks are judged together. Continues
    /// after damage. The server may be running: pages that it is writing are read again, and what
    /// it cuts off or removes is passed over. What only its memory or its log could tell is a
    /// doubt, not a finding. Mirrors PostgreSQL's `pg_checksums --check`, and with
    /// ``ClusterVerificationOptions/isDeep`` also `verify_heapam`.
    ///
    /// Pages are checked on several threads (``ClusterVerificationOptions/threads``). The observer
    /// is called on the calling thread, in an order that does not depend on them.
    ///
    /// A missing or damaged control file is a finding if the directory was opened with
    /// `PostgresOptions.toleratesDamagedControl`.
    ///
    /// Nothing is written. Memory grows with the number of files, not with their lengths.
    ///
    /// - Throws: `misuse` if the session is another engine's, `invalidConfiguration`,
    ///   `resourcesExhausted`, `closed`; `notADataDirectory` if the control file is whole and of a
    ///   version or block size that cannot be read, or if nothing says that this is a data
    ///   directory. Damage is a finding, not an error.
    public func verify(
        options: ClusterVerificationOptions = ClusterVerificationOptions(), session: Session,
        observer: ClusterObserver = ClusterObserver()
    ) throws(StorageError) -> ClusterReport {
        guard session.system === system else {
            throw StorageError(
                .misuse, "the session belongs to another engine",
                remedy: "Use a session that this data directory's makeSession() gave.")
        }
        if let rate = options.bytesPerSecond, rate < 1 {
            throw StorageError(
                .invalidConfiguration, "\(rate) is not a possible number of bytes per second",
                remedy: "Set ClusterVerificationOptions.bytesPerSecond to 1 or more.")
        }
        if let threads = options.threads, threads < 1 {
            throw StorageError(
                .invalidConfiguration, "\(threads) is not a possible number of threads",
                remedy: "Set ClusterVerificationOptions.threads to 1 or more, or to nil.")
        }
        // Without the file, at least something must say that this is PostgreSQL's.
        if let failure = controlFailure, failure.code == .notADataDirectory,
            version == nil || (try? exists(ClusterControl.path)) == true
        {
            throw failure
        }
        let verification = ClusterVerification(self, session, options, observer)
        return try verification.run()
    }
}
