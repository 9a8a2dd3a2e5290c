import AsyncIO
import FileAccess
import StorageTesting
import Testing
import Threads

/// Descriptors made by a process whose standard descriptors are closed.
@Suite struct StandardDescriptorTests {
    /// Whether no new descriptor has one of the standard numbers, all of which are closed.
    private static func standardNumbersStayFree(_ method: IOMethodChoice) throws -> Bool {
        let directory = TemporaryDirectory()
        let files = try FileAccess(directory: directory.path)
        try files.createDirectories("d")
        let file = try files.open("d/f", .create)
        let lent = try file.lend()
        defer { file.takeBack(token: 0) }
        guard lent.number > 2, try files.list("d") == ["f"] else { return false }
        var configuration = IOConfiguration()
        configuration.method = method
        let system = try IOSystem(configuration: configuration)
        let session = try system.makeSession()
        let doorbell = try Doorbell()
        guard doorbell.descriptor > 2 else { return false }
        return withExtendedLifetime((directory, session)) {
            // The system's own libraries may have taken one meanwhile.
            (CInt(0)...2).allSatisfy { number in
                let name = link(number)
                return !name.contains(directory.path) && !name.contains("io_uring")
            }
        }
    }

    /// What a descriptor refers to; empty if it is closed.
    private static func link(_ descriptor: CInt) -> String {
        var name = [UInt8](repeating: 0, count: 4096)
        let count = unsafe name.withUnsafeMutableBytes { name in
            unsafe readlink(
                "/proc/self/fd/\(descriptor)",
                name.baseAddress!.assumingMemoryBound(to: CChar.self),
                name.count)
        }
        return String(decoding: name.prefix(max(0, count)), as: UTF8.self)
    }

    /// Runs in a process of its own, whose descriptors these are.
    @Test func nothingHasAStandardNumber() async {
        await #expect(processExitsWith: .success) {
            for descriptor: CInt in 0...2 { close(descriptor) }
            for method: IOMethodChoice in [.synchronous, .worker, .automatic] {
                guard try Self.standardNumbersStayFree(method) else { exit(1) }
            }
        }
    }
}
