internal import ArgumentParser
internal import Strata

/// The failures of a command about many relations or files, which continues after each.
struct Failures {
    private var count = 0

    /// Prints on standard error what failed.
    mutating func note(_ what: String) {
        count += 1
        printMessage("strata: \(OptionNames.translated(what))")
    }

    /// Ends the command with exit code 1 if anything failed.
    func finish() throws {
        if count > 0 { throw ExitCode(1) }
    }
}

extension StorageError {
    /// Whether nothing else can be done with the store either, so that continuing is useless.
    var concernsWholeStore: Bool {
        switch code {
        case .storeFailed, .storeReplaced, .storeReadOnly, .closed: true
        default: false
        }
    }
}

/// An error in the tool's own words, for cases where a layer's message would not fit the tool.
struct ToolError: Error, CustomStringConvertible {
    let description: String
}
