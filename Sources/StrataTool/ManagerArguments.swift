internal import ArgumentParser
internal import RadosStore
internal import Strata

/// How to keep a new relation. Shared by the commands that make one.
struct ManagerArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How a new relation is kept: magnetic, compressed, memory or rados:POOL/NAMESPACE.",
            discussion: """
                magnetic, the default, keeps pages in plain files as PostgreSQL does; compressed \
                keeps them in zstd-compressed chunks; memory loses them when the store is closed; \
                rados:POOL/NAMESPACE keeps them in a Ceph cluster, as all relations of a store \
                there are. \
                load --replace keeps the relation's present manager by default.
                """,
            valueName: "name"))
    var manager: String?

    @Option(
        help: ArgumentHelp(
            "With compressed: how much to compress together: 16k, 32k, 64k or 128k.",
            valueName: "size"))
    var chunk: ByteSize?

    @Option(
        help: ArgumentHelp(
            "With compressed: zstd's level, from 1 to 19. Higher ones load more slowly.",
            valueName: "level"))
    var level: Int?

    func validate() throws {
        if let manager, !Engine.builtInManagerNames.contains(manager),
            manager != Engine.clusterManagerName, ClusterPlace(manager)?.description != manager
        {
            throw ValidationError(
                "There is no storage manager \"\(manager)\". Use magnetic, compressed, memory or"
                    + " rados:POOL/NAMESPACE.")
        }
        if let chunk, !ChunkProperties.chunkSizes.contains(chunk.bytes) {
            throw ValidationError("--chunk must be 16k, 32k, 64k or 128k, not \(chunk).")
        }
        if let level, !ChunkProperties.levels.contains(level) {
            throw ValidationError("--level must be from 1 to 19, not \(level).")
        }
    }

    /// Throws if the store cannot have the chosen manager, or an option does not apply to it.
    ///
    /// - Parameters:
    ///   - store: where the relation is to be.
    ///   - isKnown: whether the manager may be that of an existing relation.
    func check(in store: StoreArguments, managerMayBeKnown isKnown: Bool = false) throws {
        let isInCluster = store.clusterPlace != nil
        if isInCluster, let manager, manager != "memory", manager != Engine.clusterManagerName {
            throw ValidationError(
                "A store in a cluster keeps its relations there: omit --manager, or give memory.")
        }
        if !isInCluster, manager == Engine.clusterManagerName {
            throw ValidationError("--manager rados names no pool: write rados:POOL/NAMESPACE.")
        }
        if manager == "compressed" || (manager == nil && isKnown) { return }
        if chunk != nil || level != nil {
            throw ValidationError("--chunk and --level need --manager compressed.")
        }
    }

    /// Says what becomes of a loaded relation's rows, if its manager does not keep them.
    func warnIfNotKept(_ relation: String) {
        if manager != "memory" { return }
        printMessage(
            "strata: manager memory keeps rows only while a program has the store open: those of"
                + " \"\(relation)\" are gone now")
    }

    /// The options for the storage manager.
    var options: [String: String] {
        var options: [String: String] = [:]
        if let chunk { options["chunk"] = "\(chunk.bytes)" }
        if let level { options["level"] = "\(level)" }
        return options
    }
}
