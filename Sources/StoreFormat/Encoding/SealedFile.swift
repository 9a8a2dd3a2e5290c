internal import StorageManager

/// The frame of the store's own small files: a header that stays the same in all future versions, a
/// payload, and a checksum over each.
///
/// | offset | bytes | |
/// |---|---|---|
/// | 0 | 8 | the kind of file |
/// | 8 | 4 | version of the payload's layout |
/// | 12 | 8 | bytes of payload, *n* |
/// | 20 | 4 | CRC-32C of bytes 0 to 19 |
/// | 24 | *n* | payload |
/// | 24 + *n* | 4 | CRC-32C of the payload |
package struct SealedFile {
    /// Eight bytes that identify the kind of file.
    package let magic: StaticString
    /// The newest version of the payload's layout that this code knows. It knows all earlier ones.
    package let version: UInt32

    package init(magic: StaticString, version: UInt32) {
        self.magic = magic
        self.version = version
    }

    /// Bytes before the payload.
    package static let headerSize = 24
    /// Bytes that are not payload.
    package static let overhead = headerSize + 4
    /// The largest file that is read. A catalog of a million relations is smaller.
    package static let maximumSize = 1 << 28

    /// Why a file's content cannot be used.
    package enum Failure: Error {
        /// Something else wrote the file.
        case notOurs
        /// A newer program wrote it.
        case newer(UInt32)
        /// The file has changed since it was written.
        case damaged(String)
    }

    /// Puts the frame around a payload.
    package func seal(_ payload: [UInt8]) -> [UInt8] {
        sealed(reserving: payload.count) { $0.write(contentsOf: payload) }
    }

    /// Puts the frame around what `write` writes, without copying it.
    ///
    /// - Parameter count: about how many bytes that will be.
    func sealed(reserving count: Int, _ write: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter(reserving: Self.overhead + count)
        writer.write(contentsOf: magicBytes)
        writer.write(version)
        let lengthAt = writer.bytes.count
        writer.write(UInt64(0))
        writer.write(UInt32(0))
        write(&writer)
        let length = writer.bytes.count - Self.headerSize
        writer.overwrite(at: lengthAt, UInt64(length))
        let headSum = CRC32C.checksum(writer.bytes.span.extracting(0..<lengthAt + 8))
        writer.overwrite(at: lengthAt + 8, headSum)
        let sum = CRC32C.checksum(writer.bytes.span.extracting(Self.headerSize...))
        writer.write(sum)
        return writer.bytes
    }

    /// Checks a file's bytes.
    ///
    /// - Returns: the range of the payload in `bytes`, and the version of its layout.
    package func open(_ bytes: [UInt8]) throws(Failure) -> (payload: Range<Int>, version: UInt32) {
        let version = try checkLength(Int64(bytes.count), of: bytes)
        let payload = Self.headerSize..<(bytes.count - 4)
        var tail = ByteReader(bytes, payload.upperBound..<bytes.count)
        let sum: UInt32
        do throws(DecodingFailure) { sum = try tail.read("the checksum") } catch {
            throw .damaged(error.reason)
        }
        guard CRC32C.checksum(bytes.span.extracting(payload)) == sum else {
            throw .damaged("its checksum is wrong")
        }
        return (payload, version)
    }

    /// Checks a file's header, and that the file has the length the header states.
    ///
    /// - Parameters:
    ///   - size: the file's size.
    ///   - bytes: its first bytes, at least ``headerSize``.
    /// - Returns: the version of the payload's layout.
    @discardableResult
    package func checkLength(_ size: Int64, of bytes: [UInt8]) throws(Failure) -> UInt32 {
        let ours = magicBytes
        guard bytes.prefix(ours.count).elementsEqual(ours.prefix(bytes.count)), !bytes.isEmpty
        else { throw .notOurs }
        guard bytes.count >= Self.headerSize else {
            throw .damaged("it ends within its header, after \(bytes.count) bytes")
        }
        var reader = ByteReader(bytes, ours.count..<Self.headerSize)
        let found: UInt32
        let length: UInt64
        let checksum: UInt32
        do throws(DecodingFailure) {
            found = try reader.read("the version")
            length = try reader.read("the length")
            checksum = try reader.read("the header's checksum")
        } catch { throw .damaged(error.reason) }
        guard CRC32C.checksum(bytes.span.extracting(0..<(Self.headerSize - 4))) == checksum else {
            throw .damaged("its header's checksum is wrong")
        }
        guard found <= version else { throw .newer(found) }
        guard found > 0 else { throw .damaged("it has the impossible version 0") }
        let (expected, overflow) = UInt64(Self.overhead).addingReportingOverflow(length)
        guard !overflow, UInt64(clamping: size) == expected else {
            throw .damaged(
                "it has \(size) bytes where its header says \(overflow ? UInt64.max : expected)")
        }
        return found
    }

    package var magicBytes: [UInt8] {
        magic.withUTF8Buffer { unsafe Array($0) }
    }
}
