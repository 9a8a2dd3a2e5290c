internal import CompressedDisk
internal import FileAccess
internal import Logging
internal import MagneticDisk
internal import MemoryDisk
internal import SystemPackage

/// Opens one store, from its directory to an engine. A value on the stack of the opening thread.
struct EngineOpening {
    let directory: FilePath
    let options: EngineOptions
    /// Managers that are known not to be there, and why.
    var absent: [String: StorageError] = [:]

    /// Opens or creates the store, and recovers it.
    func openForWriting() throws(StorageError) -> Engine {
        try checkPlace()
        let system = try IOSystem(configuration: options.ioConfiguration)
        let lock = try options.isOnRealFiles ? acquireLock() : nil
        do throws(StorageError) {
            return try open(system, lock)
        } catch {
            system.shutdown()
            throw error.asReadOnlyStore(directory)
        }
    }

    /// Opens the store without a lock.
    ///
    /// - Parameter outcome: the result of recovery, if that changed nothing on disk.
    func openUnlocked(_ outcome: Recovery.Outcome? = nil) throws(StorageError) -> Engine {
        let system = try IOSystem(configuration: options.ioConfiguration)
        do throws(StorageError) {
            return try open(system, nil, outcome)
        } catch {
            system.shutdown()
            throw error
        }
    }

    /// Reports problems of the directory that locking would report less clearly.
    func checkPlace() throws(StorageError) { try checkCreation(try inspect()) }

    private func open(
        _ system: IOSystem, _ lock: consuming StoreLock?, _ outcome: Recovery.Outcome? = nil
    ) throws(StorageError) -> Engine {
        // Another process may have been faster while there was no lock.
        let finding = try inspect()
        try checkCreation(finding)
        let files = try FileAccess(directory: directory, configuration: options.fileConfiguration)
        if lock?.isIntact(root: try files.status(of: ".")) == false { throw .replaced(directory) }
        let session = try system.makeSession()
        defer { session.close() }
        let store = StoreFiles(files: files)
        let control: StoreControl
        if case .store(let found) = finding {
            control = found
        } else {
            control = StoreControl(
                identifier: UInt64.random(in: 1...UInt64.max),
                segmentBlocks: UInt32(options.createdSegmentBlocks),
                hasPageChecksums: options.createsPageChecksums)
            try StoreDirectory.create(store, control, session: session)
        }
        let catalog =
            if let known = outcome?.adopted { known } else { try store.readCatalog(control) }

        let managers = try StorageManagerRegistry(system: system)
        do throws(StorageError) {
            try register(in: managers, for: catalog, files, system, control)
            var recovery = Recovery(
                store: store, control: control, managers: managers,
                builtIn: Engine.builtInManagerNames, session: session,
                isShadowed: options.access == .readOnly)
            recovery.report.isNewStore = if case .store = finding { false } else { true }
            let parts = try recover(
                catalog, &recovery, outcome, files, system, managers, control)
            return Engine(parts, lock: lock)
        } catch {
            managers.endManagers()
            throw error
        }
    }

    /// Recovers a store, and makes the parts of an engine on it.
    private func recover(
        _ found: Catalog, _ recovery: inout Recovery, _ outcome: Recovery.Outcome?,
        _ files: FileAccess, _ system: IOSystem, _ managers: StorageManagerRegistry,
        _ control: StoreControl
    ) throws(StorageError) -> EngineParts {
        var catalog = found
        let journal = try makeJournal(files, system, managers, control)
        let voucher = RowCountVoucher()
        let buffers = try BufferManager(
            configuration: options.bufferConfiguration(
                checksums: control.hasPageChecksums, journal: journal, voucher: voucher),
            system: system)
        if let outcome {
            recovery.outcome = outcome
            catalog = outcome.adopted ?? catalog
        } else {
            try recovery.begin(&catalog, keepsClosedMark: options.keepsClosedMark)
            try recovery.run(&catalog)
        }
        log(recovery.report)
        recovery.outcome.mark?.dropNote(catalog)
        return EngineParts(
            directory: directory, options: options, control: control, catalog: catalog,
            outcome: recovery.outcome, files: files, system: system, managers: managers,
            buffers: buffers, voucher: voucher, journal: journal,
            verificationTarget: try system.register(target: VerificationTarget()))
    }
}

/// Inspecting the directory of the store.
extension EngineOpening {
    private func inspect() throws(StorageError) -> StoreDirectory.Finding {
        do throws(StorageError) {
            return try StoreDirectory.inspect(directory) { () throws(StorageError) in
                try FileAccess(directory: directory, configuration: options.fileConfiguration)
            }
        } catch {
            throw error.asReadOnlyStore(directory)
        }
    }

    private func checkCreation(_ finding: StoreDirectory.Finding) throws(StorageError) {
        let location = StorageError.Location(path: directory.string)
        switch (finding, options.creation) {
        case (.missing, .never):
            throw StorageError(
                .storeMissing, "there is no store \"\(directory)\"",
                remedy: "Check the name; a store is created by loading into it.", at: location)
        case (.empty, .never):
            throw StorageError(
                .storeMissing, "there is no store in \"\(directory)\", which is empty",
                remedy: "Check the name; a store is created by loading into it.", at: location)
        case (.store, .always):
            throw StorageError(
                .alreadyExists, "there is a store in \"\(directory)\" already",
                remedy: "Give another place, or open this store.", at: location)
        case (.missing, _):
            guard options.isOnRealFiles else {
                throw StorageError(
                    .storeMissing, "the simulated file system has no directory", at: location)
            }
        default: break
        }
    }

    private func acquireLock() throws(StorageError) -> StoreLock {
        do throws(StorageError) {
            return try StoreLock(directory: directory, for: .writing)
        } catch {
            guard error.code == .fileOpenFailed, error.isMissingFile else { throw error }
        }
        try StoreDirectory.create(directory)
        return try StoreLock(directory: directory, for: .writing)
    }

    /// Logs recovery. A read-only engine leaves reporting to its user.
    private func log(_ report: RecoveryReport) {
        if options.access == .readOnly { return }
        if report.syncedFiles > 0 {
            options.logger.notice(
                "store \"\(directory)\" was not closed: made \(report.syncedFiles) files durable")
        }
        for action in report.actions {
            options.logger.notice("store \"\(directory)\": \(action)")
        }
    }
}

/// Making the parts of an engine.
extension EngineOpening {
    private func register(
        in managers: StorageManagerRegistry, for catalog: Catalog, _ files: FileAccess,
        _ system: IOSystem, _ control: StoreControl
    ) throws(StorageError) {
        if options.fileSystem.keepsRelationFiles {
            var configuration = MagneticDiskConfiguration()
            configuration.segmentBlocks = Int(control.segmentBlocks)
            configuration.writesAtomically = try writesAtomically(files)
            let disk = try MagneticDisk(files: files, system: system, configuration: configuration)
            try managers.register(disk, id: StorageManagerID(rawValue: 0))
            let compressed = try CompressedDisk(
                files: files, system: system, configuration: options.compressedDisk)
            try managers.register(compressed, id: StorageManagerID(rawValue: 1))
        }
        let memory = try MemoryDisk(system: system, configuration: options.memoryDisk)
        try managers.register(memory, id: StorageManagerID(rawValue: 2))
        let context = StorageManagerPlugin.Context(files, system, control)
        for plugin in options.storageManagers {
            let manager = try plugin.make(context)
            guard manager.name == plugin.name else {
                throw StorageError(
                    .misuse,
                    "the storage manager registered as \"\(plugin.name)\" calls itself"
                        + " \"\(manager.name)\"",
                    remedy: "Register it under its own name.")
            }
            try managers.register(manager, id: plugin.id)
        }
        guard let find = options.storageManagerFinder else { return }
        let names = Set(
            catalog.relations.managerNames
                + catalog.remains.values.map(\.managerName))
        for name in names.sorted() where managers.manager(named: name) == nil {
            if let known = absent[name] { managers.note(known, ofManagerNamed: name) }
            guard absent[name] == nil, let make = find(name) else { continue }
            do throws(StorageError) {
                try managers.register(try make(context))
            } catch {
                // Its relations are refused.
                managers.note(error, ofManagerNamed: name)
                options.logger.error("storage manager \"\(name)\" is not there: \(error)")
            }
        }
    }

    /// Whether to write pages atomically, after making sure that this is possible.
    private func writesAtomically(_ files: FileAccess) throws(StorageError) -> Bool {
        guard options.tornPageProtection == .atomicWrites, options.access == .readWrite else {
            return false
        }
        let units = try files.atomicWriteUnits(of: StoreControl.fileName)
        if let units, units.contains(blockSize) { return true }
        let found =
            units.map {
                "writes of \($0.lowerBound) to \($0.upperBound) bytes are atomic there"
            } ?? "kernel (Linux 6.11 or newer), file system and disk do not report any as atomic"
        throw StorageError(
            .atomicWritesUnavailable,
            "pages of \(blockSize) bytes cannot be written atomically in \"\(files.directory)\":"
                + " \(found)",
            remedy:
                "Set EngineOptions.tornPageProtection to doubleWrite, or move the store to such a"
                + " disk.",
            at: StorageError.Location(path: files.directory))
    }

    private func makeJournal(
        _ files: FileAccess, _ system: IOSystem, _ managers: StorageManagerRegistry,
        _ control: StoreControl
    ) throws(StorageError) -> DoubleWriteJournal? {
        guard options.tornPageProtection == .doubleWrite, options.access == .readWrite else {
            return nil
        }
        return try DoubleWriteJournal(
            files: files, system: system, store: control.identifier, limit: options.journalLimit,
            fault: options.journalFault
        ) { (session) throws(StorageError) in try managers.syncPending(session) }
    }
}
