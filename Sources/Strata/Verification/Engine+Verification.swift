internal import FileAccess

extension Relation {
    /// What is wrong with a page of the main fork on disk, in words that do not repeat its place;
    /// nil if it is intact.
    package func damage(in block: BlockNumber) -> String? {
        let memory = PageSlots(slots: 1, pages: 1)
        let page = memory.address(0, 0)
        let pages: InlineArray<1, PageAddress> = [page]
        do throws(StorageError) {
            try open.storage.read(.main, block: block, into: pages.span)
        } catch {
            return error.message
        }
        // The memory is used by this call alone, and lives to its end.
        let verdict = withExtendedLifetime(memory) {
            let view = unsafe PageView(unsafePage: UnsafeRawPointer(page.pointer))
            return pageKind.verify(
                view, at: locator.place(.main, block), checksums: engine.control.hasPageChecksums)
        }
        switch verdict {
        case .valid: return nil
        case .new:
            return engine.buffers.isFilled(block, of: open) ? Verifier.zeroReason : nil
        case .invalid(let reason): return reason.description
        }
    }
}

extension Engine {
    /// Checks all pages of relations as they are on disk, whatever the pool holds.
    ///
    /// Reads every file of every fork and segment into memory of its own, with the engine's IO
    /// method and several reads in flight. Continues after damage. Pages changed but not yet
    /// written are checked as last written; ``checkpoint(_:pace:)`` writes them. If a relation has
    /// columns, its rows are decoded as a scan does, and their values are checked against the
    /// columns' types, also those that are out of line: a toast relation is checked with its owner,
    /// too. Rows are counted if loads recorded their number
    /// (`RelationDescription.rowCount`); pages of zeroes are damage then. Mirrors PostgreSQL's
    /// `pg_checksums --check`.
    ///
    /// - Parameters:
    ///   - names: which relations; nil for all, and the store's own files.
    ///   - session: the calling thread's session.
    ///   - observer: receives the findings.
    /// - Throws: `notFound` if no relation has a name, `resourcesExhausted`, `closed`. Damage is a
    ///   finding, not an error.
    public func verify(
        _ names: [String]? = nil, session: Session,
        observer: VerificationObserver = VerificationObserver()
    ) throws(StorageError) -> VerificationReport {
        guard session.system === system else {
            throw StorageError(
                .misuse, "the session belongs to another engine",
                remedy: "Use a session that this engine's makeSession() gave.")
        }
        let chosen: [RelationDescription]
        if let names {
            var found: [RelationDescription] = []
            for name in names {
                guard let relation = description(of: name) else { throw notFound(name) }
                found.append(relation)
                if let toast = relation.toastRelation.flatMap({ description(of: $0) }) {
                    found.append(toast)
                }
            }
            chosen = found
        } else {
            chosen = relations
        }
        let expected = chosen.reduce(into: UInt64(0)) { sum, relation in
            for fork in relation.forks { sum += UInt64(relation.blockCount(of: fork) ?? 0) }
        }
        let verifier = Verifier(self, session, observer, expected: expected)
        if names == nil { verifyStoreFiles(verifier) }
        findLater(chosen, all: names == nil, verifier)
        for description in chosen {
            let relation: Relation
            do throws(StorageError) {
                relation = try self.relationOfAnyLength(named: description.name)
            } catch {
                // The relation was dropped since the list was made.
                if error.code == .notFound { continue }
                guard error.concernsOneRelation else { throw error }
                verifier.found(.unusable(description, error))
                continue
            }
            do throws(StorageError) { try verifier.verify(relation) } catch {
                guard error.code != .misuse, error.concernsOneRelation else { throw error }
                verifier.found(.unusable(description, error))
            }
        }
        return verifier.report
    }

    /// Reports what opening the store found of a later time than the catalog's, and copies of pages
    /// that cannot be read.
    private func findLater(
        _ chosen: [RelationDescription], all: Bool, _ verifier: Verifier
    ) {
        for action in recovery.actions {
            switch action {
            case .olderCatalog where all:
                verifier.found(.damagedFile(Catalog.fileName, action.description))
            case .unusableJournal(let path, _) where all:
                verifier.found(.damagedFile(path, action.description))
            case .keptBlocks(let name, let first):
                guard let relation = chosen.first(where: { $0.name == name }),
                    (try? checkCounted(relation.locator)) == nil || options.access == .readOnly
                else { continue }
                verifier.found(
                    VerificationFinding(
                        kind: .wrongLength, relation: name, fork: .main, block: first,
                        path: relation.locator.description, reason: action.description))
            default: break
            }
        }
    }

    /// Reads the control file and the catalog again, and checks them.
    private func verifyStoreFiles(_ verifier: Verifier) {
        let store = StoreFiles(files: files)
        func check(_ path: String, _ body: () throws(StorageError) -> Void) {
            do throws(StorageError) { try body() } catch {
                verifier.found(.damagedFile(path, error.message))
            }
        }
        check(StoreControl.fileName) { () throws(StorageError) in
            let bytes = try store.read(
                StoreControl.fileName, StoreControl.file, atMost: StoreControl.fileSize
            ) { reason in StoreControl.error(.damaged(reason), directory) }
            guard let bytes else { throw StoreControl.error(.damaged("it is missing"), directory) }
            guard try StoreControl(bytes, directory: directory) == control else {
                throw StoreControl.error(.damaged("it is another store's"), directory)
            }
        }
        check(Catalog.fileName) { () throws(StorageError) in
            // While it is being replaced, this reads the old or the new one.
            _ = try store.readCatalog(control)
        }
    }
}

extension VerificationFinding {
    /// The finding for one of the store's own files.
    static func damagedFile(_ path: String, _ reason: String) -> Self {
        VerificationFinding(
            kind: .damagedStoreFile, relation: nil, fork: nil, block: nil, path: path,
            reason: reason)
    }

    /// The finding for a relation whose files are unusable.
    static func unusable(_ relation: RelationDescription, _ error: StorageError) -> Self {
        VerificationFinding(
            kind: .unreadable, relation: relation.name, fork: .main, block: nil,
            path: error.location.path ?? relation.locator.description, reason: error.reason)
    }
}
