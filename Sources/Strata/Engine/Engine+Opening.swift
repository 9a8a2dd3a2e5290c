internal import CompressedDisk
internal import FileAccess
internal import Logging
internal import MagneticDisk
internal import MemoryDisk
public import SystemPackage

extension Engine {
    /// The name of the storage manager that relations have unless told otherwise: it keeps them in
    /// plain files.
    public static let defaultManagerName = "magnetic"
    /// The names of the built-in storage managers: in plain files, compressed, and in memory.
    public static let builtInManagerNames = [defaultManagerName, "compressed", "memory"]

    /// Opens a store, or creates it.
    ///
    /// Until the directory has been found to be a store of this version, or one that may be
    /// created, nothing is touched. What an unfinished load left is removed;
    /// ``Engine/recovery`` and the log tell of it. A relation whose files are in no state to be
    /// used, or whose storage manager is missing, is refused alone when it is opened.
    ///
    /// - Parameters:
    ///   - directory: the store's directory; the one above it must exist.
    ///   - options: the settings.
    /// - Throws: as ``open(_:options:)-(FilePath,_)``; `invalidPath` for text that is no path.
    public static func open(_ directory: String, options: EngineOptions = EngineOptions())
        throws(StorageError) -> Engine
    {
        try open(try FilePath(checking: directory), options: options)
    }

    /// Opens a store, or creates it.
    ///
    /// Until the directory has been found to be a store of this version, or one that may be
    /// created, nothing is touched. What an unfinished load left is removed;
    /// ``Engine/recovery`` and the log tell of it.
    ///
    /// - Parameters:
    ///   - directory: the store's directory; the one above it must exist.
    ///   - options: the settings.
    /// - Throws: `invalidPath` for an empty path; `invalidConfiguration` and `methodUnavailable`
    ///   for settings that cannot be; `storeMissing`, `alreadyExists`, `notAStore`, `storeTooNew`,
    ///   `storeReadOnly`, `controlDamaged`, `catalogDamaged`, `journalDamaged` for a directory that
    ///   cannot be used; `storeLocked` when it is open elsewhere.
    public static func open(_ directory: FilePath, options: EngineOptions = EngineOptions())
        throws(StorageError) -> Engine
    {
        try options.validate()
        if directory.isEmpty { throw StorageError.emptyPath }
        if options.access == .readOnly { return try openReadOnly(directory, options) }
        try checkCreation(try inspect(directory, options), directory, options)
        let system = try IOSystem(configuration: options.ioConfiguration)
        let lock = try options.isOnRealFiles ? acquireLock(directory) : nil
        do throws(StorageError) {
            return try open(directory, options, system, lock)
        } catch {
            system.shutdown()
            throw error.asReadOnlyStore(directory)
        }
    }

    /// - Parameter outcome: what recovering the store was found to come to, where that changes
    ///   nothing.
    static func open(
        _ directory: FilePath, _ options: EngineOptions, _ system: IOSystem,
        _ lock: consuming StoreLock?, _ outcome: Recovery.Outcome? = nil
    ) throws(StorageError) -> Engine {
        // Another process may have been quicker while there was no lock.
        let finding = try inspect(directory, options)
        try checkCreation(finding, directory, options)
        let files = try FileAccess(directory: directory, configuration: options.fileConfiguration)
        if lock?.isIntact(root: try files.status(of: ".")) == false { throw .replaced(directory) }
        let session = try system.makeSession()
        defer { session.close() }
        let store = StoreFiles(files: files)
        let control: StoreControl
        if case .store(let found) = finding {
            control = found
        } else {
            control = try create(store, options, session)
        }
        let catalog = try store.readCatalog(control)

        let managers = try StorageManagerRegistry(system: system)
        do throws(StorageError) {
            try register(in: managers, files, system, control, options)
            var recovery = Recovery(
                store: store, control: control, managers: managers, session: session,
                isShadowed: options.access == .readOnly)
            recovery.report.isNewStore = if case .store = finding { false } else { true }
            let parts = try recover(
                directory, options, catalog, &recovery, outcome, files, system, managers, control)
            return Engine(parts, lock: lock)
        } catch {
            managers.endManagers()
            throw error
        }
    }

    /// Makes a store whole, and the parts of an engine on it.
    private static func recover(
        _ directory: FilePath, _ options: EngineOptions, _ found: Catalog,
        _ recovery: inout Recovery, _ outcome: Recovery.Outcome?, _ files: FileAccess,
        _ system: IOSystem, _ managers: StorageManagerRegistry, _ control: StoreControl
    ) throws(StorageError) -> EngineParts {
        var catalog = found
        let journal = try makeJournal(files, system, managers, control, options)
        let voucher = RowCountVoucher()
        let buffers = try BufferManager(
            configuration: options.bufferConfiguration(
                checksums: control.hasPageChecksums, journal: journal, voucher: voucher),
            system: system)
        if let outcome {
            recovery.outcome = outcome
        } else {
            try recovery.begin(found, options)
            try recovery.run(&catalog)
        }
        log(recovery.report, directory, options)
        return EngineParts(
            directory: directory, options: options, control: control, catalog: catalog,
            outcome: recovery.outcome, files: files, system: system, managers: managers,
            buffers: buffers, voucher: voucher, journal: journal,
            verificationTarget: try system.register(target: VerificationTarget()))
    }

    /// Whether pages are to be written atomically, after making sure that they can.
    private static func writesAtomically(_ files: FileAccess, _ options: EngineOptions)
        throws(StorageError) -> Bool
    {
        guard options.tornPageProtection == .atomicWrites, options.access == .readWrite else {
            return false
        }
        let units = try files.atomicWriteUnits(of: StoreControl.fileName)
        if let units, units.contains(blockSize) { return true }
        let found =
            units.map {
                "writes of \($0.lowerBound) to \($0.upperBound) bytes are atomic there"
            } ?? "kernel (Linux 6.11 or newer), file system and disk do not say that any are"
        throw StorageError(
            .atomicWritesUnavailable,
            "pages of \(blockSize) bytes cannot be written atomically in \"\(files.directory)\":"
                + " \(found)",
            remedy:
                "Set EngineOptions.tornPageProtection to doubleWrite, or move the store to such a"
                + " disk.",
            at: StorageError.Location(path: files.directory))
    }

    private static func makeJournal(
        _ files: FileAccess, _ system: IOSystem, _ managers: StorageManagerRegistry,
        _ control: StoreControl, _ options: EngineOptions
    ) throws(StorageError) -> DoubleWriteJournal? {
        guard options.tornPageProtection == .doubleWrite, options.access == .readWrite else {
            return nil
        }
        return try DoubleWriteJournal(
            files: files, system: system, store: control.identifier, limit: options.journalLimit,
            fault: options.journalFault
        ) { (session) throws(StorageError) in try managers.syncPending(session) }
    }

    static func inspect(_ directory: FilePath, _ options: EngineOptions)
        throws(StorageError) -> StoreDirectory.Finding
    {
        do throws(StorageError) {
            return try StoreDirectory.inspect(directory) { () throws(StorageError) in
                try FileAccess(directory: directory, configuration: options.fileConfiguration)
            }
        } catch {
            throw error.asReadOnlyStore(directory)
        }
    }

    static func checkCreation(
        _ finding: StoreDirectory.Finding, _ directory: FilePath, _ options: EngineOptions
    ) throws(StorageError) {
        let location = StorageError.Location(path: directory.string)
        switch (finding, options.creation) {
        case (.missing, .never):
            throw StorageError(
                .storeMissing, "there is no store \"\(directory)\"",
                remedy: "Check the name; a store is created by loading into it.", at: location)
        case (.empty, .never):
            throw StorageError(
                .storeMissing, "there is no store in directory \"\(directory)\", which is empty",
                remedy: "Check the name; a store is created by loading into it.", at: location)
        case (.store, .always):
            throw StorageError(
                .alreadyExists, "there is a store in directory \"\(directory)\" already",
                remedy: "Give another directory, or open this store.", at: location)
        case (.missing, _):
            guard options.isOnRealFiles else {
                throw StorageError(
                    .storeMissing, "the simulated file system has no directory", at: location)
            }
        default: break
        }
    }

    private static func acquireLock(_ directory: FilePath) throws(StorageError) -> StoreLock {
        do throws(StorageError) {
            return try StoreLock(directory: directory, for: .writing)
        } catch {
            guard error.code == .fileOpenFailed, error.isMissingFile else { throw error }
        }
        try StoreDirectory.create(directory)
        return try StoreLock(directory: directory, for: .writing)
    }

    /// An engine that only looks leaves it to its user to tell.
    private static func log(
        _ report: RecoveryReport, _ directory: FilePath, _ options: EngineOptions
    ) {
        if options.access == .readOnly { return }
        if report.syncedFiles > 0 {
            options.logger.notice(
                "store \"\(directory)\" was not closed: made \(report.syncedFiles) files durable")
        }
        for action in report.actions {
            options.logger.notice("store \"\(directory)\": \(action)")
        }
    }

    /// Creates the files of a store, the control file last.
    private static func create(_ store: StoreFiles, _ options: EngineOptions, _ session: Session)
        throws(StorageError) -> StoreControl
    {
        let control = StoreControl(
            identifier: UInt64.random(in: 1...UInt64.max),
            segmentBlocks: UInt32(options.createdSegmentBlocks),
            hasPageChecksums: options.createsPageChecksums)
        for path in StoreDirectory.relationDirectories {
            try store.files.createDirectories(path)
        }
        // Those that an earlier attempt left behind may not be durable yet.
        for path in ["base", "."] { try store.files.syncDirectory(path) }
        let catalog = Catalog(identifier: control.identifier)
        try store.replace(Catalog.fileName, with: catalog.encoded(), session: session)
        try store.replace(StoreControl.fileName, with: control.encoded(), session: session)
        return control
    }

    private static func register(
        in managers: StorageManagerRegistry, _ files: FileAccess, _ system: IOSystem,
        _ control: StoreControl, _ options: EngineOptions
    ) throws(StorageError) {
        var configuration = MagneticDiskConfiguration()
        configuration.segmentBlocks = Int(control.segmentBlocks)
        configuration.writesAtomically = try writesAtomically(files, options)
        let disk = try MagneticDisk(files: files, system: system, configuration: configuration)
        try managers.register(disk, id: StorageManagerID(rawValue: 0))
        let compressed = try CompressedDisk(
            files: files, system: system, configuration: options.compressedDisk)
        try managers.register(compressed, id: StorageManagerID(rawValue: 1))
        let memory = try MemoryDisk(system: system, configuration: options.memoryDisk)
        try managers.register(memory, id: StorageManagerID(rawValue: 2))
        let context = StorageManagerPlugin.Context(
            files: files, system: system, segmentBlocks: Int(control.segmentBlocks))
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
    }
}
