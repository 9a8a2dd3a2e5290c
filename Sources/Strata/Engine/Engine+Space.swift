/// The space that relations take.
extension Engine {
    /// How much space a relation takes, in all forks, as of what has been written.
    ///
    /// - Throws: `notFound`, or what reading its files' status throws.
    public func space(ofRelation name: String) throws(StorageError) -> RelationSpace {
        let relation = try relationOfAnyLength(named: name)
        var total = RelationSpace(logicalBytes: 0, usedBytes: 0, fileBytes: 0)
        guard let manager = managers.manager(relation.open.manager) else { return total }
        for fork in Fork.allCases where try relation.open.storage.exists(fork) {
            if let space = try manager.space(of: relation.locator, fork: fork) {
                total = total + space
            } else {
                let bytes = Int(try relation.open.storage.blockCount(fork)) * blockSize
                total =
                    total
                    + RelationSpace(logicalBytes: bytes, usedBytes: bytes, fileBytes: bytes)
            }
        }
        return total
    }

    /// The same for many relations, by looking at the names and lengths of their files only.
    ///
    /// - Returns: for each relation its space, or nil if its files are not exactly as the catalog
    ///   says or are kept in another way: then ask for that relation by itself.
    /// - Throws: what listing the files throws.
    public func spaces(of relations: [RelationDescription]) throws(StorageError)
        -> [RelationSpace?]
    {
        guard options.fileSystem.keepsRelationFiles else { return relations.map { _ in nil } }
        let present = try PresentFiles(files)
        return relations.map { relation in
            guard relation.managerName == Engine.defaultManagerName,
                outcome.refusals[relation.locator] == nil,
                (try? present.isWhole(relation, segmentBlocks: control.segmentBlocks, files))
                    == true
            else { return nil }
            let bytes = Int(relation.blockCount) * blockSize
            return RelationSpace(logicalBytes: bytes, usedBytes: bytes, fileBytes: bytes)
        }
    }

    /// How the storage manager keeps a relation, in the manager's own terms: the
    /// `LoadTarget/managerOptions` that make another relation like it.
    ///
    /// - Throws: `notFound`, or what reading its files throws.
    public func storageOptions(ofRelation name: String) throws(StorageError) -> [String: String] {
        let relation = try relationOfAnyLength(named: name)
        return try managers.manager(relation.open.manager)?.options(of: relation.locator) ?? [:]
    }

    /// Frees space that is allocated but unused in the files of a relation, and in those of its
    /// toast relation if it has one. Readers and writers continue meanwhile. Blocks the thread.
    ///
    /// - Returns: how many bytes were moved for that.
    /// - Throws: `notFound`, `relationDamaged` if files are missing or too short, `storeFailed`, or
    ///   what reading and writing throw.
    @discardableResult
    public func compact(relation name: String, session: Session) throws(StorageError) -> Int {
        try checkUsable(session)
        session.submitStaged()
        try checkOwnership()
        let relation = try relation(named: name)
        let moved = try compact(relation)
        guard let toast = try relation.toast() else { return moved }
        return try moved + compact(toast)
    }

    private func compact(_ relation: Relation) throws(StorageError) -> Int {
        guard let manager = managers.manager(relation.open.manager) else { return 0 }
        do throws(StorageError) { return try manager.compact(relation.locator) } catch {
            note(error)
            throw error
        }
    }
}
