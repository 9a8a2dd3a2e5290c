internal import ArgumentParser
internal import AsyncIO
internal import RelationLoader
internal import Strata

/// What can be measured.
enum BenchCase: String, ExpressibleByArgument, CaseIterable {
    case hot
    case warm
    case touch
    case cold
    case random
    case device
    case contend
    case write
    case load
    case compress
    case soak
    case async
    case all

    /// The cases it stands for; the soak is only for those who ask for it.
    var parts: [BenchCase] {
        self == .all ? Self.allCases.filter { $0 != .all && $0 != .soak } : [self]
    }

    /// Measures a single case; a row or more.
    func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure) -> [BenchRow] {
        switch self {
        case .hot: return try HotBench.measure(plan, method)
        case .warm: return try WarmBench.measure(plan, method)
        case .touch: return try TouchBench.measure(plan, method)
        case .cold: return try ColdBench.measure(plan, method)
        case .random: return try RandomBench.measure(plan, method)
        case .device: return try DeviceBench.measure(plan, method)
        case .write: return try WriteBench.measure(plan, method)
        case .load: return try LoadBench.measure(plan, method)
        case .compress: return try CompressBench.measure(plan, method)
        case .soak: return try SoakBench.measure(plan, method)
        case .async: return try AsyncBench.measure(plan, method)
        case .contend: return try ContendBench.measure(plan, method)
        case .all:
            var rows: [BenchRow] = []
            for part in parts { rows += try part.measure(plan, method) }
            return rows
        }
    }
}

/// What all cases share.
struct BenchPlan: Sendable {
    let data: BenchData
    let rounds: Int
    /// What case `device` reads from.
    let device: DeviceModel
    /// Where other files can be made.
    let directory: String
    /// How many pages case `soak` rewrites.
    let rewrites: Int
    /// The PostgreSQL server to compare loads with.
    let postgres: String?
    let cancellation: Cancellation

    /// To be called every few milliseconds.
    @inline(__always)
    func checkCancellation() throws(BenchFailure) {
        if cancellation.isCancelled { throw .cancelled }
    }
}

/// Why nothing was measured.
enum BenchFailure: Error {
    /// The user wants it to end.
    case cancelled
    /// The disk or the engine failed, or what was read is wrong.
    case storage(StorageError)

    /// Passes the engine's errors on as such.
    static func wrap<Result: ~Copyable>(
        _ body: () throws(StorageError) -> Result
    ) throws(BenchFailure) -> Result {
        do throws(StorageError) { return try body() } catch { throw .storage(error) }
    }

    /// The sum over what was read is not that over what was written.
    static func wrongSum(_ name: String) -> BenchFailure {
        .storage(
            StorageError(
                StorageError.Code(rawValue: "wrongResult"),
                "case \(name) read other values than were written",
                remedy: "Do not trust this machine's memory, or this version of Strata."))
    }
}
