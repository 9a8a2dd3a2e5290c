import Foundation

/// How a run of the tool ended.
struct ToolOutcome {
    var arguments: [String]
    /// The exit code; nil if a signal ended it.
    var code: Int32?
    var signal: Int32 = 0
    /// Whether it was stopped because it did not end in time.
    var isHung = false
    var output: [UInt8] = []
    var errors: [UInt8] = []
    /// The most resident memory it had, if that was more than the harness has; otherwise the most
    /// that was observed.
    var residentBytes = 0
    /// The most address space that was observed.
    var addressBytes = 0
    var processorSeconds = 0.0

    var commandLine: String { "strata " + arguments.joined(separator: " ") }

    /// The last lines of its output.
    var lastWords: String {
        let text = String(decoding: errors.suffix(600), as: UTF8.self)
        return text.isEmpty ? String(decoding: output.suffix(200), as: UTF8.self) : text
    }
}

/// What the standard descriptors of a run are connected to.
enum Standard {
    case file(String)
    case closed
    case full
}

/// Runs the tool, without a shell, with its outputs in files.
struct ToolRunner {
    let tool: String
    /// A directory for this runner alone.
    let folder: String
    let limitSeconds: Double
    /// The user of the runs, if the superuser runs the harness.
    static let ordinaryUser: uid_t = 65534

    /// Runs the tool to its end, or until the time is over.
    func run(
        _ arguments: [String], asOrdinaryUser: Bool = false, input: Standard = .file("/dev/null"),
        output: Standard? = nil, errors: Standard? = nil
    ) throws(HarmError) -> ToolOutcome {
        let (outputPath, errorPath) = ("\(folder)/output", "\(folder)/errors")
        let child = try start(
            arguments, asOrdinaryUser: asOrdinaryUser, input: input,
            output: output ?? .file(outputPath), errors: errors ?? .file(errorPath))
        var outcome = wait(for: child, arguments)
        if output == nil { outcome.output = Self.contents(outputPath) }
        if errors == nil { outcome.errors = Self.contents(errorPath) }
        return outcome
    }

    /// Starts the tool.
    func start(
        _ arguments: [String], asOrdinaryUser: Bool = false, input: Standard,
        output: Standard, errors: Standard
    ) throws(HarmError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, standard) in [(CInt(0), input), (1, output), (2, errors)] {
            let flags = number == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC
            switch standard {
            case .file(let path):
                posix_spawn_file_actions_addopen(&actions, number, path, flags, 0o644)
            case .full: posix_spawn_file_actions_addopen(&actions, number, "/dev/full", O_WRONLY, 0)
            case .closed: posix_spawn_file_actions_addclose(&actions, number)
            }
        }
        var words = [tool] + arguments
        if asOrdinaryUser && geteuid() == 0 {
            let user = "\(Self.ordinaryUser)"
            words =
                ["/usr/bin/setpriv", "--reuid", user, "--regid", user, "--clear-groups"] + words
        }
        let pointers = words.map { word in
            StoreImage.bytes(word).withUnsafeBufferPointer { strdup($0.baseAddress!) }
        }
        defer { for pointer in pointers { free(pointer) } }
        let settings = ["SWIFT_BACKTRACE=enable=no", "PATH=/usr/bin:/bin", "HOME=/"]
        let variables = settings.map { strdup($0) }
        defer { for variable in variables { free(variable) } }
        var child: pid_t = 0
        let error = posix_spawn(
            &child, words[0], &actions, nil, pointers + [nil], variables + [nil])
        guard error == 0 else { throw HarmError("cannot start \(words[0]): errno \(error)") }
        return child
    }

    /// Waits for a started process, and kills it when its time is over.
    func wait(for child: pid_t, _ arguments: [String]) -> ToolOutcome {
        var outcome = ToolOutcome(arguments: arguments)
        let end = Date().addingTimeInterval(limitSeconds)
        var (status, usage) = (CInt(0), rusage())
        var pause: UInt32 = 300
        while true {
            let found = wait4(child, &status, outcome.isHung ? 0 : WNOHANG, &usage)
            if found == child { break }
            if found < 0 && errno != EINTR { break }
            if !outcome.isHung && Date() > end {
                outcome.isHung = true
                kill(child, SIGKILL)
                continue
            }
            let memory = Self.memory(of: child)
            outcome.addressBytes = max(outcome.addressBytes, memory.addresses)
            outcome.residentBytes = max(outcome.residentBytes, memory.resident)
            usleep(pause)
            pause = min(pause * 2, 5000)
        }
        // The kernel counts what the process had before `exec`: the memory of the harness.
        var own = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &own)
        if usage.ru_maxrss > own.ru_maxrss { outcome.residentBytes = usage.ru_maxrss * 1024 }
        outcome.processorSeconds = Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime)
        if status & 0x7f == 0 {
            outcome.code = (status >> 8) & 0xff
        } else {
            outcome.signal = status & 0x7f
        }
        return outcome
    }

    /// The most memory that a process has had so far, in bytes; 0 if the system does not report it.
    private static func memory(of child: pid_t) -> (addresses: Int, resident: Int) {
        let descriptor = open("/proc/\(child)/status", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return (0, 0) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = read(descriptor, &bytes, bytes.count)
        let lines = bytes.prefix(max(0, count)).split(separator: UInt8(ascii: "\n"))
        func value(_ field: String) -> Int {
            let line = lines.first { $0.starts(with: field.utf8) }
            let digits = line?.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? []
            return (Int(String(decoding: digits, as: UTF8.self)) ?? 0) << 10
        }
        return (value("VmPeak:"), value("VmHWM:"))
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }

    /// The bytes of a file; none if it cannot be read.
    ///
    /// Not Foundation's reading of files: that loses 4 KiB of memory with each empty one, and takes
    /// only the first page of the kernel's files, whose size is 0.
    static func contents(_ path: String) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        let size = max(0, Int(lseek(descriptor, 0, SEEK_END)))
        lseek(descriptor, 0, SEEK_SET)
        var bytes: [UInt8] = []
        while true {
            // A regular file takes one turn, and one that finds the end.
            let capacity = max(size + 1 - bytes.count, 1 << 16)
            let part = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                count = max(0, read(descriptor, buffer.baseAddress!, capacity))
            }
            if part.isEmpty { return bytes }
            if bytes.isEmpty { bytes = part } else { bytes += part }
        }
    }
}
