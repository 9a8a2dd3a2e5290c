import StorageTesting
import Strata

extension EngineOptions {
    /// Those of a small store on a simulated disk, whose steps repeat exactly.
    static func simulated(on disk: SimulatedDisk) -> EngineOptions {
        var options = EngineOptions()
        options.fileSystem = disk
        options.ioExecutor = disk
        options.ioMethod = .synchronous
        options.poolBytes = 64 * blockSize
        options.maximumSessions = 2
        options.logger = RecordingLog().logger(level: .critical)
        return options
    }
}
