import Glibc
import Logging
import NetworkTypes
import OutboundProxy
import Reactor

/// The UDP sockets of one shard: datagrams in batches, in both directions.
final class DatagramTransport {
    /// Datagrams that were lost before they could be looked at, as far as the kernel and the batches know.
    var drops: UInt64 {
        truncated + UInt64(sockets.compactMap { $0?.receiveDrops }.reduce(0, +))
    }

    /// Datagrams that wait in the sockets, about.
    var waiting: Int { sockets.reduce(0) { $0 + ($1?.waiting ?? 0) } }
    /// Datagrams read since start.
    private(set) var datagrams: UInt64 = 0

    private let logger: Logger
    private unowned let client: any TransportClient
    /// By the listener's index; nil for those of other transports.
    private var sockets: [UDPSocket?] = []
    private var senders: [SendBatch?] = []
    private let batch = PacketBatch(capacity: 32)
    private var truncated: UInt64 = 0

    init(
        loop: EventLoop, listeners: [Listener], devices: [String?], options: UDPSocket.Options, logger: Logger,
        client: any TransportClient
    ) throws(SystemError) {
        (self.logger, self.client) = (logger, client)
        for (position, (listener, device)) in zip(listeners, devices).enumerated() {
            guard listener.transport == .udp else {
                sockets.append(nil)
                senders.append(nil)
                continue
            }
            let socket = try Self.socket(listener.local, options, on: device, logger)
            let sender = SendBatch(socket: socket, loop: loop, capacity: 1024)
            sender.onRefusal = { [unowned self] destination, error in
                refused(Flow(listener: ListenerID(UInt16(position)), peer: destination), error)
            }
            try socket.onReadable(loop) { [unowned self, unowned socket] in
                read(socket, ListenerID(UInt16(position)))
            }
            sockets.append(socket)
            senders.append(sender)
        }
    }

    /// A listener's socket, tied to the side's interface: a packet that came in by the other one with a source of this
    /// side is not taken (security 26). Where the system does not allow that, the listener is there all the same.
    private static func socket(
        _ address: SocketAddress, _ options: UDPSocket.Options, on device: String?, _ logger: Logger
    ) throws(SystemError) -> UDPSocket {
        guard let device else { return try UDPSocket(binding: address, options: options) }
        var tied = options
        tied.device = device
        do { return try UDPSocket(binding: address, options: tied) } catch {
            logger.warning(
                "a listener can't be tied to its interface: spoofed sources are not told apart there",
                metadata: ["listener": "\(address)", "interface": "\(device)", "error": "\(error)"])
            return try UDPSocket(binding: address, options: options)
        }
    }

    /// Queues a message; false where the flow's listener is none of UDP.
    func send(_ message: [UInt8], on flow: Flow) -> Bool {
        guard let sender = senders[Int(flow.listener.index)] else { return false }
        sender.append(message, to: flow.peer)
        return true
    }

    /// Reads what waits on one socket: at most a few batches, so that a flood on one can't starve the others.
    private func read(_ socket: UDPSocket, _ listener: ListenerID) {
        for _ in 0..<4 {
            guard let count = try? batch.receive(from: socket), count > 0 else { break }
            datagrams &+= UInt64(count)
            for slot in 0..<count { receive(slot, listener) }
            if count < batch.capacity { break }
        }
        client.drain()
    }

    private func receive(_ slot: Int, _ listener: ListenerID) {
        guard !batch.isTruncated(slot), let source = batch.source(slot) else {
            truncated += 1
            return
        }
        client.received([UInt8](batch.bytes(slot)), from: Flow(listener: listener, peer: source))
    }

    private func refused(_ flow: Flow, _ error: SystemError) {
        logger.warning("a message could not be sent", metadata: ["to": "\(flow.peer)", "error": "\(error)"])
        // A datagram that is too long says nothing about the way to the peer, and must not fail what else goes there.
        guard error.code != EMSGSIZE else { return }
        client.transportFailed(flow)
    }
}
