import Glibc
import NetworkTypes
import Reactor

/// A peer on loopback: a plain socket that waits a while for a datagram.
final class LoopbackPeer {
    private let socket: UDPSocket
    private let batch = PacketBatch(capacity: 1)

    var address: SocketAddress { socket.localAddress }
    var descriptor: Int32 { socket.descriptor }

    init(at address: SocketAddress = SocketAddress(IPAddress(v4: 0x7f00_0001), 0)) throws {
        var options = UDPSocket.Options()
        options.receiveBuffer = 1 << 20
        socket = try UDPSocket(binding: address, options: options)
    }

    func send(_ packet: [UInt8], to destination: SocketAddress) { try? socket.send(packet, to: destination) }

    /// The next datagram and where it came from; nil if none comes within `milliseconds`.
    func receive(within milliseconds: Int32 = 5_000) -> (packet: [UInt8], source: SocketAddress?)? {
        var waiting = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, milliseconds) == 1 else { return nil }
        guard (try? batch.receive(from: socket)) == 1 else { return nil }
        return ([UInt8](batch.bytes(0)), batch.source(0))
    }
}
