internal import ArgumentParser
internal import Logging
internal import Strata

/// Which store to open, and how; shared by all commands on one.
struct StoreArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The store's directory.", valueName: "directory"))
    var store: String

    @OptionGroup var ioArguments: IOArguments

    /// Opens the store.
    ///
    /// - Parameter creating: whether it is created where there is none.
    func open(creating: Bool) throws(StorageError) -> Engine {
        var options = ioArguments.engineOptions()
        options.creation = creating ? .ifMissing : .never
        return try Engine.open(store, options: options)
    }
}
