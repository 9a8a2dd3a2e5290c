import AsyncIO
import CPlatform
import PostgresReading
import Testing

/// The control files of PostgreSQL's versions.
@Suite struct ClusterControlTests {
    /// A control file of a version, whose checksum is at `sumOffset`.
    private func file(version: UInt32, sumOffset: Int, state: UInt32 = 1) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 8192)
        func set(_ value: UInt32, at offset: Int) {
            for byte in 0..<4 {
                bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte))
            }
        }
        set(version, at: 8)
        set(state, at: 16)
        set(8192, at: 216)
        set(131_072, at: 220)
        set(1, at: 252)
        let sum = unsafe bytes.withUnsafeBytes {
            unsafe strata_crc32c(0, $0.baseAddress, sumOffset)
        }
        set(sum, at: sumOffset)
        return bytes
    }

    @Test(arguments: [(UInt32(1300), 288), (1700, 288), (1800, 292)])
    func eachVersionIsRead(version: UInt32, sumOffset: Int) throws {
        let control = try ClusterControl(file(version: version, sumOffset: sumOffset))
        #expect(control.version == version && control.state == .shutDown)
        #expect(control.segmentBlocks == 131_072 && control.hasPageChecksums)
    }

    /// A standby that is shut down has not written all that it changed.
    @Test func onlyAPrimaryIsShutDownInOrder() throws {
        for state in UInt32(0)...7 {
            let control = try ClusterControl(
                file(version: 1300, sumOffset: 288, state: state))
            #expect((control.state == .shutDown) == (state == 1), "state \(state)")
        }
    }

    @Test func anUnknownVersionIsRefused() {
        let bytes = file(version: 1900, sumOffset: 292)
        #expect(throws: StorageError.self) { try ClusterControl(bytes) }
    }
}
