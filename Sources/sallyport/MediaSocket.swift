import MediaRelay
import Reactor

/// A media socket on a worker's loop, and the channel it feeds. Releasing it stops the reading, then closes the socket.
final class MediaSocket {
    let channel: MediaChannel
    let udp: UDPSocket

    init(_ channel: MediaChannel) {
        self.channel = channel
        udp = UDPSocket(adopting: channel.socket.descriptor, local: channel.socket.local)
    }
}
