import NIOCore
import NIOPosix
import Strata

/// Answers lines over TCP: `row KEY` with the row's name, `block NUMBER` with the keys there.
struct PageServer {
    typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    let rows: RowStore
    let channel: NIOAsyncChannel<Connection, Never>

    var port: Int { channel.channel.localAddress?.port ?? 0 }

    static func bind(_ rows: RowStore, on group: any EventLoopGroup) async throws -> PageServer {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Connection(wrappingChannelSynchronously: channel)
                }
            }
        return PageServer(rows: rows, channel: channel)
    }

    /// Serves until the task is cancelled.
    func run() async throws {
        try await channel.executeThenClose { connections in
            try await withThrowingDiscardingTaskGroup { group in
                for try await connection in connections {
                    group.addTask { try? await serve(connection) }
                }
            }
        }
    }

    private func serve(_ connection: Connection) async throws {
        try await connection.executeThenClose { inbound, outbound in
            var lines = LineReader()
            for try await bytes in inbound {
                lines.append(bytes)
                while let line = lines.next() {
                    try await outbound.write(ByteBuffer(string: await answer(line) + "\n"))
                }
            }
        }
    }

    private func answer(_ line: String) async -> String {
        let words = line.split(separator: " ")
        do {
            if words.count == 2, words[0] == "row", let key = Int64(words[1]) {
                return try await rows.row(key) ?? "none"
            }
            if words.count == 2, words[0] == "block", let block = UInt32(words[1]) {
                return try await rows.keys(ofBlock: block).map(String.init)
                    .joined(separator: " ")
            }
            return "error: ask for \"row KEY\" or \"block NUMBER\""
        } catch {
            return "error: \(error)"
        }
    }
}

/// Joins bytes into lines.
struct LineReader {
    private var buffer = ByteBuffer()

    mutating func append(_ bytes: ByteBuffer) { buffer.writeImmutableBuffer(bytes) }

    mutating func next() -> String? {
        let view = buffer.readableBytesView
        guard let end = view.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let line = buffer.readString(length: end - view.startIndex)
        buffer.moveReaderIndex(forwardBy: 1)
        buffer.discardReadBytes()
        return line
    }
}
