import FuzzTargets

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// libFuzzer's main loop, which calls `testOneInput` with each input.
@_silgen_name("LLVMFuzzerRunDriver")
private func run(
    _ argumentCount: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ testOneInput: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The target named by the environment, since libFuzzer takes all arguments for itself.
private let target: FuzzTarget = {
    let name = getenv("STRATA_FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
        let names = FuzzTarget.all.map(\.name).joined(separator: ", ")
        fatalError("STRATA_FUZZ_TARGET must be one of: \(names)")
    }
    return target
}()

@main
enum Fuzzer {
    static func main() {
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? =
            CommandLine.unsafeArgv
        exit(
            run(&count, &arguments) { start, count in
                let input = Array(UnsafeBufferPointer(start: start, count: count))
                if let fault = target.run(input) { fatalError(fault) }
                return 0
            })
    }
}
