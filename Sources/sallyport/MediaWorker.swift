import Glibc
import MediaRelay
import NetworkTypes
import Reactor
import SRTP

/// One media worker: sockets and the clock on one side, ``RelayCore`` on the other. Everything here belongs to its loop.
///
/// A packet's way: slot of the batch → its socket's ``MediaChannel`` → the same slot → sendto(2). The batch's slots take
/// any datagram whole; their memory is real only as far as it was ever filled.
final class MediaWorker {
    private let index: Int
    private let loop: EventLoop
    private let report: @Sendable (RelayEvent) -> Void
    private let core: RelayCore
    private let batch = PacketBatch(capacity: 16, tailroom: SRTPContext.maximumOverhead)
    private let sender = RelaySender(capacity: 16)
    private var sockets: [Int32: MediaSocket] = [:]
    /// Whose packets are being sent on.
    private var current: MediaChannel?
    private var timer: Timer?
    private var receiver: Mailbox<WorkerMessage>.Receiver?
    private var errors: UInt64 = 0
    /// Whether a packet of the batch was for us.
    private var hasConsumed = false

    init(
        index: Int, of count: Int, loop: EventLoop, mailbox: Mailbox<WorkerMessage>,
        report: @escaping @Sendable (RelayEvent) -> Void
    ) throws {
        self.index = index
        core = RelayCore(hasSiblings: count > 1)
        self.loop = loop
        self.report = report
        sender.onRefusal = { [unowned self] _, _ in current?.countUnsent() }
        timer = Timer(on: loop) { [unowned self] in
            core.handleTimeout(at: loop.now)
            drain()
        }
        receiver = try mailbox.receive(on: loop) { [unowned self] messages in
            for message in messages { handle(message) }
        }
    }

    // MARK: Commands

    private func handle(_ message: WorkerMessage) {
        switch message {
        case .commands(let commands):
            for command in commands { core.handle(command, at: loop.now) }
            drain()
        case .snapshot(let reply): reply.send(snapshot)
        }
    }

    /// Does what the core decided, and sets the timer to its next deadline.
    private func drain() {
        while let effect = core.nextEffect() {
            switch effect {
            case .register(let channel): register(channel)
            case .close(let socket): close(socket)
            case .send(let datagram, let destination, let descriptor): send(datagram, destination, descriptor)
            case .report(let event): report(event)
            case .shrunk: sockets.shrink()
            }
        }
        if let deadline = core.nextDeadline { timer?.schedule(at: deadline) }
    }

    private func register(_ channel: MediaChannel) {
        let socket = MediaSocket(channel)
        sockets[channel.socket.descriptor] = socket
        do { try socket.udp.onReadable(loop) { [unowned self, unowned socket] in read(socket) } } catch { errors += 1 }
    }

    private func close(_ socket: RelaySocket) {
        if sockets.removeValue(forKey: socket.descriptor) != nil { return }
        // The core refused the command that brought it, so that it was never read.
        _ = Glibc.close(socket.descriptor)
    }

    // MARK: Packets

    /// Reads what waits on one socket, at most a batch, and sends it on.
    ///
    /// Nothing is read in vain: the loop says when there is more. Budget: one system call to receive and one to send,
    /// for each packet, or for a batch of them where a socket is busy.
    private func read(_ socket: MediaSocket) {
        let count: Int
        do { count = try batch.receive(from: socket.udp) } catch {
            errors &+= 1
            return
        }
        let now = loop.now
        current = socket.channel
        for index in 0..<count { relay(index, socket.channel, now) }
        sender.flush()
        if hasConsumed {
            hasConsumed = false
            drain()
        }
    }

    /// Sends what no peer sent, such as a handshake.
    private func send(_ datagram: [UInt8], _ destination: SocketAddress, _ descriptor: Int32) {
        var datagram = datagram
        current = sockets[descriptor]?.channel
        datagram.withUnsafeMutableBytes { bytes in
            sender.send(bytes, to: destination, from: descriptor)
            sender.flush()
        }
    }

    private func relay(_ index: Int, _ channel: MediaChannel, _ now: Instant) {
        guard let source = batch.source(index) else { return }
        let bytes = batch.slot(index)
        var slot = bytes.bindMemory(to: UInt8.self).mutableSpan
        let verdict = channel.receive(&slot, length: batch.bytes(index).count, from: source, at: now)
        guard case .forward(let length, let destination, let descriptor) = verdict else {
            if verdict == .consumed { hasConsumed = true }
            return
        }
        sender.send(UnsafeMutableRawBufferPointer(rebasing: bytes[..<length]), to: destination, from: descriptor)
    }

    // MARK: Status

    private var snapshot: MediaSnapshot {
        MediaSnapshot(
            worker: index, sessions: core.snapshot(), sockets: sockets.count, sent: sender.sent,
            refused: sender.refused,
            errors: errors, busy: loop.busy)
    }
}
