import Foundation
import StorageTesting

/// Damages stores of the built tool, and judges how the tool deals with them.
///
///     Harm trials TOOL [--count N] [--seconds N] [--kinds A,B] [--large] [--brief]
///         [--bases DIRECTORY] [--limit SECONDS] [--workers N] [--quiet]
///     Harm kills TOOL [--count N]
///     Harm die STORE       change a store and be killed; for the harness itself
///
/// `STRATA_SEED` sets the first seed; `--count 1` repeats one. Prints each finding with its seed,
/// and exits with 1 if there was any.
@main
enum Harm {
    static func main() {
        let arguments = CommandLine.arguments
        do {
            switch arguments.dropFirst().first {
            case "trials" where arguments.count > 2:
                exit(try Campaign(settings(arguments)).run() ? 0 : 1)
            case "kills" where arguments.count > 2:
                exit(try Kills.run(settings(arguments)) ? 0 : 1)
            case "die" where arguments.count > 2: try Changes.die(arguments[2])
            default: fail("usage: Harm trials|kills TOOL [OPTIONS] | die STORE")
            }
        } catch {
            fail("\(error)")
        }
    }

    private static func fail(_ message: String) -> Never {
        Campaign.say(message)
        exit(2)
    }

    /// Limits the resources of the runs, which inherit them.
    private static func limit() {
        var space = rlimit()
        getrlimit(__rlimit_resource_t(UInt32(RLIMIT_AS.rawValue)), &space)
        space.rlim_cur = min(space.rlim_max, rlim_t(Trial.addressLimit))
        setrlimit(__rlimit_resource_t(UInt32(RLIMIT_AS.rawValue)), &space)
        var core = rlimit()
        core.rlim_cur = 0
        core.rlim_max = 0
        setrlimit(__rlimit_resource_t(UInt32(RLIMIT_CORE.rawValue)), &core)
    }

    private static func settings(_ arguments: [String]) throws -> Campaign.Settings {
        limit()
        var settings = Campaign.Settings()
        settings.tool = arguments[2]
        settings.firstSeed = IOMethodMatrix.seed
        var rest = arguments.dropFirst(3).makeIterator()
        while let option = rest.next() {
            let value = ["--large", "--quiet", "--brief"].contains(option) ? "" : rest.next() ?? ""
            switch option {
            case "--count": settings.trials = Int(value) ?? 1
            case "--seconds": settings.seconds = Double(value) ?? 60
            case "--limit": settings.limitSeconds = Double(value) ?? 30
            case "--workers": settings.workers = Int(value) ?? 2
            case "--bases": settings.bases = value
            case "--large": settings.withLarge = true
            case "--quiet": settings.isQuiet = true
            case "--brief": settings.isBrief = true
            case "--kinds":
                settings.kinds = Set(
                    try value.split(separator: ",").map { name in
                        guard let kind = MutationKind(rawValue: String(name)) else {
                            throw HarmError("there is no harm \(name)")
                        }
                        return kind
                    })
            default: throw HarmError("there is no option \(option)")
            }
        }
        if settings.trials == 0 && settings.seconds == 0 { settings.trials = 300 }
        Campaign.say("STRATA_SEED=\(settings.firstSeed)")
        return settings
    }
}
