internal import ArgumentParser
internal import Strata

/// What a command could not do about some of many relations or files, while it went on with the
/// rest.
struct Failures {
    private var count = 0

    /// Says on standard error what could not be done.
    mutating func note(_ what: String) {
        count += 1
        printMessage("strata: \(OptionNames.translated(what))")
    }

    /// Ends the command with exit code 1 if there was any.
    func finish() throws {
        if count > 0 { throw ExitCode(1) }
    }
}

extension StorageError {
    /// Whether nothing else can be done with the store either, so that going on is of no use.
    var concernsWholeStore: Bool {
        switch code {
        case .storeFailed, .storeReplaced, .storeReadOnly, .closed: true
        default: false
        }
    }
}
