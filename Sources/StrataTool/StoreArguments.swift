internal import ArgumentParser
internal import Logging
internal import Strata

/// Which store to open, and how; shared by all commands on one.
struct StoreArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The store's directory.", valueName: "directory"))
    var store: PathArgument

    @OptionGroup var ioArguments: IOArguments

    /// Opens the store.
    ///
    /// - Parameters:
    ///   - creating: whether it is created where there is none.
    ///   - access: what may be done to it.
    ///   - logLevel: from which level on what it says of itself is shown.
    func open(
        creating: Bool, access: EngineOptions.Access = .readWrite, logLevel: Logger.Level = .notice
    ) throws(StorageError) -> Engine {
        var options = ioArguments.engineOptions()
        options.access = access
        options.creation = creating ? .ifMissing : .never
        options.logger.logLevel = logLevel
        return try Engine.open(store.path, options: options)
    }
}
