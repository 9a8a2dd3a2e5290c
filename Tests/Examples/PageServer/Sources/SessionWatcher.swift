import NIOCore
import NIOPosix
import Strata

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Serves an asynchronous session on a SwiftNIO event loop. The loop watches the session's
/// descriptor like any other, and lets the session work when it is readable.
final class SessionWatcher: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let session: AsyncSession
    private var timer: Scheduled<Void>?

    private init(_ session: AsyncSession) { self.session = session }

    /// Makes a loop serve the session from now on, until the returned channel is closed.
    static func watch(_ session: AsyncSession, on loop: any EventLoop) async throws -> any Channel {
        // The channel reads, and finally closes, a descriptor of its own for the same object.
        let descriptor = dup(try session.descriptor)
        return try await NIOPipeBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SessionWatcher(session))
                }
            }
            .takingOwnershipOfDescriptor(input: descriptor)
            .get()
    }

    func channelActive(context: ChannelHandlerContext) { process(context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { process(context) }

    func channelInactive(context: ChannelHandlerContext) { timer?.cancel() }

    private func process(_ context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        do {
            guard let wait = try session.process() else { return }
            // The session wants another turn by then, even if nothing happens.
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            timer = context.eventLoop.scheduleTask(in: TimeAmount(wait)) {
                let (watcher, context) = bound.value
                watcher.process(context)
            }
        } catch {
            context.fireErrorCaught(error)
        }
    }
}
