internal import CPlatform
internal import Threads

/// The system calls by which an IO is executed on the calling thread.
enum SystemCalls {
    /// How many vectors the kernel takes at a time.
    static let maximumVectors = 1024

    /// Executes the IO. Returns the bytes moved or a negated `errno`.
    static func execute(_ io: StagedIO) -> Int {
        let vectors = unsafe io.vectors
        let count = CInt(min(vectors.count, maximumVectors))
        while true {
            let result: Int
            switch io.operation {
            case .write where io.flags.contains(.atomicWrite):
                let done = unsafe strata_write_atomically(
                    io.descriptor, vectors.baseAddress, count, io.offset)
                if done == -Int64(EINTR) { continue }
                return Int(done)
            case .read:
                result = unsafe preadv(io.descriptor, vectors.baseAddress, count, off_t(io.offset))
            case .write:
                result = unsafe pwritev(io.descriptor, vectors.baseAddress, count, off_t(io.offset))
            case .sync:
                result = Int(fsync(io.descriptor))
            case .dataSync:
                #if canImport(Darwin)
                    result = Int(fsync(io.descriptor))
                #else
                    result = Int(fdatasync(io.descriptor))
                #endif
            case .none:
                return -Int(EINVAL)
            }
            if result >= 0 { return result }
            if errno != EINTR { return -Int(errno) }
        }
    }
}

/// The kernel's text for an `errno`, such as `No space left on device`.
///
/// Strata follows no symbolic link in a file's place, and the kernel calls that too many links.
func errorText(_ number: CInt) -> String {
    if number == ELOOP { return "it is a symbolic link, or a path through a loop of links" }
    return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        guard unsafe strerror_r(number, buffer.baseAddress!, buffer.count) == 0 else {
            return "error " + String(number)
        }
        return unsafe String(cString: buffer.baseAddress!)
    }
}
