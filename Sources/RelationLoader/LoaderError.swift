public import RowText
public import Strata

/// Why a load or a scan ended early.
public enum LoaderError: Error, Sendable {
    /// The input text or the output is at fault.
    case text(LoadError)
    /// The store is at fault.
    case storage(StorageError)
    /// `Cancellation.cancel()` was called.
    case cancelled
}

extension LoaderError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .text(let error): error.description
        case .storage(let error): error.description
        case .cancelled: "cancelled"
        }
    }
}

extension LoaderError {
    /// Runs `body`, turning its errors into text errors.
    @inline(__always)
    static func text<Result: ~Copyable>(
        _ body: () throws(LoadError) -> Result
    ) throws(LoaderError) -> Result {
        do throws(LoadError) { return try body() } catch { throw .text(error) }
    }

    /// Runs `body`, turning its errors into storage errors.
    @inline(__always)
    static func storage<Result: ~Copyable>(
        _ body: () throws(StorageError) -> Result
    ) throws(LoaderError) -> Result {
        do throws(StorageError) { return try body() } catch { throw .storage(error) }
    }
}

extension Cancellation {
    func check() throws(LoaderError) {
        if isCancelled { throw .cancelled }
    }
}
