internal import Threads

/// Standard input, output and error. The parent process may have closed any of them.
enum StandardDescriptors {
    /// Opens something unreadable and unwritable on each closed standard descriptor.
    ///
    /// Otherwise the next opened file would get its number and receive what is printed. Call it
    /// before anything else is opened: then the kernel assigns these numbers in order.
    static func fill() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where !isOpen(descriptor) {
            let flags = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY
            let filled = unsafe open("/dev/null", flags)
            // If there is no such device, a directory serves as well.
            if filled < 0 { _ = unsafe open("/", O_RDONLY | O_DIRECTORY) }
        }
    }

    private static func isOpen(_ descriptor: CInt) -> Bool {
        fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF
    }
}
