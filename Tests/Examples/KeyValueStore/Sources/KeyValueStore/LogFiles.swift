import Strata
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The files of the log: segments of equal size, of which each has the bytes from its number times
/// that size on; and `control`, which says where recovery begins.
///
/// They go through Strata's `FileSystem`, so that a simulated disk can lose what was not synced.
/// Segments that are not needed any more get new names and are used again.
///
/// Written by one thread at a time: the log sees to that.
final class LogFiles: @unchecked Sendable {
    private let system: any FileSystem
    private let root: CInt
    let segmentSize: Int
    /// The descriptors of segments that were used, by number.
    private var open: [UInt64: CInt] = [:]
    /// How far a new segment has been written so far; no entry for those that are used again.
    private var filled: [UInt64: Int] = [:]
    /// Segments that wait to be used again.
    private var spare: [UInt64] = []
    private var control: CInt = -1
    private var controlTurn: UInt64 = 0
    private let guardian = Monitor()

    init(_ system: any FileSystem, _ directory: FilePath, segmentSize: Int) throws(StorageError) {
        self.system = system
        self.segmentSize = segmentSize
        root = system.openRoot(directory)
        if root < 0 { throw Self.failed("open the directory of the log", root) }
        control = system.open("control", in: root, [.create])
        if control < 0 { throw Self.failed("open the control file of the log", control) }
    }

    func close() {
        for descriptor in open.values { _ = system.close(descriptor) }
        open = [:]
        _ = system.close(control)
        _ = system.close(root)
    }

    static func failed(_ what: String, _ result: CInt, isSync: Bool = false) -> StorageError {
        StorageError(
            isSync ? .syncFailed : .storeFailed, "could not \(what)",
            remedy: "Open the store again once the disk works.", errorNumber: -result)
    }

    private static func name(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return "log-" + String(repeating: "0", count: 16 - digits.count) + digits
    }

    // MARK: Segments

    /// The segment's descriptor; nil if there is no such segment and it is not to be made.
    private func segment(_ number: UInt64, making: Bool) throws(StorageError) -> CInt? {
        guardian.lock()
        defer { guardian.unlock() }
        if let descriptor = open[number] { return descriptor }
        var descriptor = system.open(Self.name(number), in: root, [])
        if descriptor == -ENOENT {
            if !making { return nil }
            if let old = spare.popLast() {
                let result = system.rename(Self.name(old), to: Self.name(number), in: root)
                if result < 0 { throw Self.failed("rename a segment of the log", result) }
                descriptor = system.open(Self.name(number), in: root, [])
            } else {
                descriptor = system.open(Self.name(number), in: root, [.create])
                if descriptor >= 0 {
                    _ = system.allocate(descriptor, at: 0, count: Int64(segmentSize))
                    filled[number] = 0
                }
            }
            // The name must be durable before what is written under it counts.
            let result = system.sync(root, dataOnly: false)
            if result < 0 {
                throw Self.failed("sync the directory of the log", result, isSync: true)
            }
        }
        if descriptor < 0 { throw Self.failed("open a segment of the log", descriptor) }
        open[number] = descriptor
        return descriptor
    }

    /// Writes bytes at a position. Segments that are complete then are synced.
    func write(_ start: UnsafeRawPointer, _ count: Int, at position: UInt64) throws(StorageError) {
        var done = 0
        while done < count {
            let place = position + UInt64(done)
            let (number, offset) = place.quotientAndRemainder(dividingBy: UInt64(segmentSize))
            let length = min(count - done, segmentSize - Int(offset))
            guard let descriptor = try segment(number, making: true) else { continue }
            if length < Self.zeroes { fillAhead(descriptor, number, Int(offset) + length) }
            let part = UnsafeMutableRawPointer(mutating: start + done)
            let vector = [iovec(iov_base: part, iov_len: length)]
            let written = vector.withUnsafeBufferPointer { vectors in
                system.write(descriptor, vectors, at: Int64(offset))
            }
            if written == -Int(EINTR) { continue }
            if written <= 0 {
                throw Self.failed("write the log", CInt(written == 0 ? -ENOSPC : CInt(written)))
            }
            done += written
            if let end = filled[number] { filled[number] = max(end, Int(offset) + written) }
            if Int(offset) + written == segmentSize { try sync(segment: number) }
        }
    }

    /// Before small writes to a new segment: writes zeroes ahead of them. The kernel then has only
    /// the bytes to sync, not also that a reserved part of the file is written now.
    private func fillAhead(_ descriptor: CInt, _ number: UInt64, _ end: Int) {
        guard let start = filled[number], end > start else { return }
        let zeroes = [UInt8](repeating: 0, count: min(Self.zeroes, segmentSize - start))
        zeroes.withUnsafeBytes { bytes in
            let start = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
            let vector = [iovec(iov_base: start, iov_len: bytes.count)]
            vector.withUnsafeBufferPointer { vectors in
                // If it fails, the write that follows says so.
                _ = system.write(descriptor, vectors, at: Int64(filled[number] ?? 0))
            }
        }
        filled[number] = start + zeroes.count
    }

    private static let zeroes = 1 << 20

    /// Makes what was written to the segment of a position durable.
    func sync(at position: UInt64) throws(StorageError) {
        try sync(segment: position / UInt64(segmentSize))
    }

    private func sync(segment number: UInt64) throws(StorageError) {
        guard let descriptor = try segment(number, making: false) else { return }
        var result = system.sync(descriptor, dataOnly: true)
        while result == -EINTR { result = system.sync(descriptor, dataOnly: true) }
        if result < 0 { throw Self.failed("sync the log", result, isSync: true) }
    }

    /// Reads at most `count` bytes from a position on; fewer at the end of what there is.
    func read(_ target: UnsafeMutableRawPointer, _ count: Int, at position: UInt64)
        throws(StorageError) -> Int
    {
        var done = 0
        while done < count {
            let place = position + UInt64(done)
            let (number, offset) = place.quotientAndRemainder(dividingBy: UInt64(segmentSize))
            guard let descriptor = try segment(number, making: false) else { break }
            let length = min(count - done, segmentSize - Int(offset))
            let vector = [iovec(iov_base: target + done, iov_len: length)]
            let found = vector.withUnsafeBufferPointer { vectors in
                system.read(descriptor, vectors, at: Int64(offset))
            }
            if found == -Int(EINTR) { continue }
            if found < 0 { throw Self.failed("read the log", CInt(found)) }
            if found == 0 { break }
            done += found
        }
        return done
    }

    /// Keeps segments before a position for later use, and removes what is too much.
    func recycle(before position: UInt64) throws(StorageError) {
        guardian.lock()
        defer { guardian.unlock() }
        let first = position / UInt64(segmentSize)
        var names: [String] = []
        let result = system.list(root, into: &names)
        if result < 0 { throw Self.failed("list the segments of the log", result) }
        let numbers = names.compactMap { name in
            name.hasPrefix("log-") ? UInt64(name.dropFirst(4), radix: 16) : nil
        }
        for number in numbers where number < first && !spare.contains(number) {
            if let descriptor = open.removeValue(forKey: number) { _ = system.close(descriptor) }
            if spare.count < Self.mostSpare {
                spare.append(number)
            } else {
                _ = system.unlink(Self.name(number), in: root)
            }
        }
    }

    /// Removes what was kept for later use.
    func removeSpare() {
        guardian.locked {
            for number in spare { _ = system.unlink(Self.name(number), in: root) }
            spare = []
        }
    }

    private static let mostSpare = 2

    // MARK: Control

    /// Where recovery begins, and how often the store was opened.
    struct Control {
        var redo: UInt64
        var life: UInt32
    }

    private static let controlSize = 32
    private static let controlPlaces: [UInt64] = [0, 4096]
    private static let controlMagic: UInt64 = 0x3130_676F_6C76_6B00

    /// The newer of the two copies; nil for a new store.
    func readControl() throws(StorageError) -> Control? {
        var newest: Control?
        for place in Self.controlPlaces {
            let memory = PageBuffer().self
            let page = memory.node.page
            let vector = [iovec(iov_base: page, iov_len: Self.controlSize + 8)]
            let found = vector.withUnsafeBufferPointer { vectors in
                system.read(control, vectors, at: Int64(place))
            }
            if found < 0 { throw Self.failed("read the control file", CInt(found)) }
            guard found == Self.controlSize + 8 else { continue }
            let words = (0..<5).map { page.load(fromByteOffset: $0 * 8, as: UInt64.self) }
            guard words[0] == Self.controlMagic,
                words[4] == LogRecord.sum(page, Self.controlSize)
            else { continue }
            if words[1] >= controlTurn {
                controlTurn = words[1]
                newest = Control(redo: words[2], life: UInt32(truncatingIfNeeded: words[3]))
            }
        }
        return newest
    }

    /// Replaces the older copy, and makes it durable.
    func write(_ new: Control) throws(StorageError) {
        controlTurn += 1
        let memory = PageBuffer()
        let words = [Self.controlMagic, controlTurn, new.redo, UInt64(new.life)]
        for (index, word) in words.enumerated() {
            memory.node.page.storeBytes(of: word, toByteOffset: index * 8, as: UInt64.self)
        }
        let sum = LogRecord.sum(memory.node.page, Self.controlSize)
        memory.node.page.storeBytes(of: sum, toByteOffset: Self.controlSize, as: UInt64.self)
        let place = Self.controlPlaces[Int(controlTurn % 2)]
        let vector = [iovec(iov_base: memory.node.page, iov_len: Self.controlSize + 8)]
        let written = vector.withUnsafeBufferPointer { vectors in
            system.write(control, vectors, at: Int64(place))
        }
        if written != Self.controlSize + 8 {
            throw Self.failed("write the control file", CInt(min(written, 0)))
        }
        let result = system.sync(control, dataOnly: false)
        if result < 0 { throw Self.failed("sync the control file", result, isSync: true) }
        let named = system.sync(root, dataOnly: false)
        if named < 0 { throw Self.failed("sync the directory", named, isSync: true) }
    }
}
