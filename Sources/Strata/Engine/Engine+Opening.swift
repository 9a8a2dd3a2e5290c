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
    /// ``Engine/recovery`` and the log tell of it.
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
    /// - Throws: `invalidPath` for an empty path; `invalidConfiguration` and `methodUnavailable` for settings that cannot be;
    ///   `storeMissing`, `alreadyExists`, `notAStore`, `storeTooNew`, `storeReadOnly`,
    ///   `controlDamaged`, `catalogDamaged` for a directory that cannot be used; `storeLocked` when
    ///   it is open elsewhere; `unknownStorageManager` when ``EngineOptions/storageManagers`` lacks
    ///   one that the store needs.
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

    static func open(
        _ directory: FilePath, _ options: EngineOptions, _ system: IOSystem,
        _ lock: consuming StoreLock?
    ) throws(StorageError) -> Engine {
        // Another process may have been quicker while there was no lock.
        let finding = try inspect(directory, options)
        try checkCreation(finding, directory, options)
        let files = try FileAccess(directory: directory, configuration: options.fileConfiguration)
        let session = try system.makeSession()
        defer { session.close() }
        let store = StoreFiles(files: files)
        let control: StoreControl
        if case .store(let found) = finding {
            control = found
        } else {
            control = try create(store, options, session)
        }
        let bytes = try store.read(Catalog.fileName, damage: Catalog.damaged)
        guard let bytes else { throw Catalog.damaged("it is missing") }
        let catalog = try Catalog(bytes, control: control)
        try checkManagers(catalog, options)

        let managers = try StorageManagerRegistry(system: system)
        do throws(StorageError) {
            try register(in: managers, files, system, control, options)
            var recovery = Recovery(
                store: store, control: control, managers: managers, session: session)
            recovery.report.isNewStore = if case .store = finding { false } else { true }
            let parts = try recover(
                directory, options, catalog, &recovery, files, system, managers, control)
            return Engine(parts, lock: lock)
        } catch {
            managers.endManagers()
            throw error
        }
    }

    /// Makes a store whole, and the parts of an engine on it.
    private static func recover(
        _ directory: FilePath, _ options: EngineOptions, _ found: Catalog,
        _ recovery: inout Recovery, _ files: FileAccess, _ system: IOSystem,
        _ managers: StorageManagerRegistry, _ control: StoreControl
    ) throws(StorageError) -> EngineParts {
        var catalog = found
        let journal = try makeJournal(files, system, managers, control, options)
        let buffers = try BufferManager(
            configuration: options.bufferConfiguration(
                checksums: control.hasPageChecksums, journal: journal),
            system: system)
        try recovery.run(&catalog)
        for action in recovery.report.actions where options.access == .readWrite {
            options.logger.notice("store \"\(directory)\": \(action)")
        }
        return EngineParts(
            directory: directory, options: options, control: control, catalog: catalog,
            recovery: recovery.report, files: files, system: system, managers: managers,
            buffers: buffers, journal: journal,
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
        do throws(StorageError) { return try StoreLock(directory: directory) } catch {
            guard error.code == .fileOpenFailed, error.isMissingFile else { throw error }
        }
        try StoreDirectory.create(directory)
        return try StoreLock(directory: directory)
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

    private static func checkManagers(_ catalog: Catalog, _ options: EngineOptions)
        throws(StorageError)
    {
        let known = Set(options.storageManagers.map(\.name) + builtInManagerNames)
        let needed =
            catalog.relations.values.map { ($0.managerName, "\"\($0.name)\"") }
            + catalog.remains.map { ($0.value.managerName, "\($0.key)") }
        for (manager, relation) in needed where !known.contains(manager) {
            throw StorageError(
                .unknownStorageManager,
                "relation \(relation) is kept by storage manager \"\(manager)\", which is not"
                    + " registered",
                remedy: "Add it to EngineOptions.storageManagers.",
                at: StorageError.Location(relation: relation))
        }
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
