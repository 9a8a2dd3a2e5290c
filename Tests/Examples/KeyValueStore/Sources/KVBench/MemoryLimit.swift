import Foundation

/// A control group below this process's own, whose memory is limited, the kernel's cache included.
///
/// Version 1 or 2, whichever the kernel has. A child process enters it before it opens its store.
struct MemoryLimit {
    let path: String

    /// - Throws: if groups cannot be made here: then nothing is measured that needs the limit.
    init(bytes: Int) throws {
        let groups = (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)) ?? ""
        var (own, limitName): (String?, String) = (nil, "")
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            if parts[1].split(separator: ",").contains("memory") {
                (own, limitName) = ("/sys/fs/cgroup/memory" + parts[2], "memory.limit_in_bytes")
                break
            }
            if parts[0] == "0", own == nil {
                (own, limitName) = ("/sys/fs/cgroup" + parts[2], "memory.max")
            }
        }
        guard let own else { throw BenchError("this process is in no control group") }
        path = own + "/kv-bench-\(ProcessInfo.processInfo.processIdentifier)"
        guard mkdir(path, 0o755) == 0 else { throw BenchError("cannot make \(path)") }
        do {
            try Data("\(bytes)".utf8).write(to: URL(fileURLWithPath: path + "/" + limitName))
        } catch {
            remove()
            throw BenchError("cannot limit the memory of \(path)")
        }
    }

    /// Makes this process a member.
    static func enter(_ path: String) throws {
        let handle = FileHandle(forWritingAtPath: path + "/cgroup.procs")
        guard let handle else { throw BenchError("cannot enter \(path)") }
        try handle.write(contentsOf: Data("\(getpid())".utf8))
    }

    func remove() {
        for _ in 0..<50 where rmdir(path) != 0 { usleep(20_000) }
    }
}
