internal import ArgumentParser
internal import Strata

/// How a new relation shall be kept; shared by the commands that make one.
struct ManagerArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How a new relation is kept: magnetic, compressed or memory.",
            discussion: """
                magnetic, the default, keeps pages in plain files as PostgreSQL does; compressed \
                keeps them in chunks of zstd; memory forgets them when the store is closed. A load \
                with --replace keeps them as they were kept, unless told otherwise.
                """,
            valueName: "name"))
    var manager: String?

    @Option(
        help: ArgumentHelp(
            "With compressed: how much is compressed together, 16k, 32k, 64k or 128k.",
            valueName: "size"))
    var chunk: ByteSize?

    @Option(
        help: ArgumentHelp(
            "With compressed: zstd's level, from 1 to 19. Higher ones load more slowly.",
            valueName: "level"))
    var level: Int?

    func validate() throws {
        if let manager, !Engine.builtInManagerNames.contains(manager) {
            throw ValidationError(
                "There is no storage manager \"\(manager)\". Use magnetic, compressed or memory.")
        }
        if let chunk, !ChunkProperties.chunkSizes.contains(chunk.bytes) {
            throw ValidationError("--chunk must be 16k, 32k, 64k or 128k, not \(chunk).")
        }
        if let level, !ChunkProperties.levels.contains(level) {
            throw ValidationError("--level must be from 1 to 19, not \(level).")
        }
    }

    /// Refuses what is for another manager than the one that is named.
    ///
    /// - Parameter isKnown: the manager may be that of a relation which exists.
    func checkOptions(managerMayBeKnown isKnown: Bool = false) throws {
        if manager == "compressed" || (manager == nil && isKnown) { return }
        if chunk != nil || level != nil {
            throw ValidationError("--chunk and --level go with --manager compressed.")
        }
    }

    /// What the storage manager is told.
    var options: [String: String] {
        var options: [String: String] = [:]
        if let chunk { options["chunk"] = "\(chunk.bytes)" }
        if let level { options["level"] = "\(level)" }
        return options
    }
}
