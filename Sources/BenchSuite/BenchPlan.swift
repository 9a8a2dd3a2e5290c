package import AsyncIO
package import RelationLoader
internal import Strata

/// The cases that can be measured.
package enum BenchCase: String, CaseIterable {
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
    case growth
    case all

    /// The cases it stands for. `all` leaves out the soak and the growth.
    package var parts: [BenchCase] {
        guard self == .all else { return [self] }
        return Self.allCases.filter { ![.all, .soak, .growth].contains($0) }
    }

    /// Measures the case. Returns at least one row.
    package func measure(
        _ plan: BenchPlan, _ method: IOMethodChoice
    ) throws(BenchFailure) -> [BenchRow] {
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
        case .growth: return try GrowthBench.measure(plan, method)
        case .contend: return try ContendBench.measure(plan, method)
        case .all:
            var rows: [BenchRow] = []
            for part in parts { rows += try part.measure(plan, method) }
            return rows
        }
    }
}

/// The settings that all cases share.
package struct BenchPlan: Sendable {
    let data: BenchData
    let rounds: Int
    /// The device for case `device`.
    let device: DeviceModel
    /// A directory for other files.
    let directory: String
    /// How many pages case `soak` rewrites.
    let rewrites: Int
    /// How many relations case `growth` makes.
    let relations: Int
    /// The PostgreSQL server to compare loads with.
    let postgres: String?
    let cancellation: Cancellation
    /// Called with what cannot be measured here, and why.
    let note: @Sendable (String) -> Void

    /// Describes a run.
    package init(
        data: BenchData, rounds: Int, device: DeviceModel, directory: String, rewrites: Int,
        relations: Int, postgres: String?, cancellation: Cancellation,
        note: @escaping @Sendable (String) -> Void
    ) {
        (self.data, self.rounds, self.device) = (data, rounds, device)
        (self.directory, self.rewrites, self.postgres) = (directory, rewrites, postgres)
        self.relations = relations
        (self.cancellation, self.note) = (cancellation, note)
    }

    /// Throws if the run was cancelled. Call this every few milliseconds.
    @inline(__always)
    func checkCancellation() throws(BenchFailure) {
        if cancellation.isCancelled { throw .cancelled }
    }
}

/// Why nothing was measured.
package enum BenchFailure: Error {
    /// The user cancelled the run.
    case cancelled
    /// The disk or the engine failed, or the data read is wrong.
    case storage(StorageError)

    /// Wraps the engine's errors.
    package static func wrap<Result: ~Copyable>(
        _ body: () throws(StorageError) -> Result
    ) throws(BenchFailure) -> Result {
        do throws(StorageError) { return try body() } catch { throw .storage(error) }
    }

    /// The error for a sum over the data read that differs from that over the data written.
    static func wrongSum(_ name: String) -> BenchFailure {
        .storage(
            StorageError(
                StorageError.Code(rawValue: "wrongResult"),
                "case \(name) read other values than were written",
                remedy: "Do not trust this machine's memory, or this version of Strata."))
    }
}
