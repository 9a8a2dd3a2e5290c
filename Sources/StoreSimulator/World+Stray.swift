internal import FileAccess
internal import StorageTesting
internal import Threads

/// A file that belongs to no relation, as a restored older catalog leaves many. It must survive.
extension World {
    /// Above the numbers that a run uses.
    static let strayPath = "base/1/30000"
    private static let strayBytes = [UInt8]("nobody knows this file".utf8)

    /// Creates the file, durably, once the store exists.
    func leaveStray() {
        guard exists, !hasStray else { return }
        let wasFaulty = disk.isFaulty
        disk.isFaulty = false
        defer { disk.isFaulty = wasFaulty }
        let root = disk.openRoot("/")
        let file = disk.open(Self.strayPath, in: root, .create)
        let directory = disk.open("base/1", in: root, [.readOnly, .directory])
        defer { for descriptor in [file, directory, root] { _ = disk.close(descriptor) } }
        guard file >= 0, directory >= 0 else { return }
        var bytes = Self.strayBytes
        let count = unsafe bytes.withUnsafeMutableBytes { bytes in
            var vector = unsafe iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
            return unsafe withUnsafePointer(to: &vector) { vector in
                unsafe disk.write(file, UnsafeBufferPointer(start: vector, count: 1), at: 0)
            }
        }
        guard count == bytes.count, disk.sync(file, dataOnly: false) == 0,
            disk.sync(directory, dataOnly: false) == 0
        else { return }
        hasStray = true
    }

    /// - Throws: `Violation` if the file is gone or changed.
    func checkStray() throws(Violation) {
        if hasStray && disk.contents(of: Self.strayPath) != Self.strayBytes {
            throw Violation(reason: "file \(Self.strayPath), which no relation has, was touched")
        }
    }
}
