import Glibc
import NetworkTypes
import Reactor

/// A peer on loopback: a plain socket that waits at most two seconds for a datagram.
final class LoopbackPeer {
    let address: SocketAddress
    private let descriptor: Int32
    private let sender = RelaySender(capacity: 1)

    init() throws {
        let socket = try UDPSocket(binding: SocketAddress(IPAddress(v4: 0x7f00_0001), 0))
        address = socket.localAddress
        descriptor = socket.release()
    }

    deinit { close(descriptor) }

    func send(_ packet: [UInt8], to destination: SocketAddress) {
        var octets = packet
        octets.withUnsafeMutableBytes {
            sender.send($0, to: destination, from: descriptor)
            sender.flush()
        }
    }

    /// The next datagram and where it came from; nil if none comes within `milliseconds`.
    func receive(within milliseconds: Int32 = 2_000) -> (packet: [UInt8], source: SocketAddress?)? {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, milliseconds) == 1 else { return nil }
        let batch = PacketBatch(capacity: 1)
        guard (try? batch.receive(from: descriptor)) == 1 else { return nil }
        return ([UInt8](batch.bytes(0)), batch.source(0))
    }
}
