import Foundation
import Glibc
import NetworkTypes
import TLS

/// What carries a user agent's messages.
protocol Wire: AnyObject {
    var address: SocketAddress { get }
    func send(_ packet: [UInt8], to destination: SocketAddress)
    func receive(within milliseconds: Int32) -> (packet: [UInt8], source: SocketAddress?)?
}

extension LoopbackPeer: Wire {}

/// A peer over TCP: it takes connections at its address, opens them where it has none, answers on the connection that
/// the request came on, and may be told to call back on connections that were opened to it.
final class StreamPeer: Wire {
    private let listener: TestStreamListener
    private(set) var accepted: [TestStream] = []
    private(set) var opened: [TestStream] = []
    private var byBranch: [String: TestStream] = [:]
    /// Whether requests go on a connection that the other side opened, if there is one.
    var callsBack = false
    /// How many octets are written at a time; nil for all at once.
    var pieceSize: Int?

    var address: SocketAddress { listener.address }

    /// How it speaks TLS, if it does.
    var security: PeerSecurity?

    init(at address: SocketAddress, security: PeerSecurity? = nil) throws {
        listener = try TestStreamListener(at: address)
        self.security = security
    }

    func send(_ packet: [UInt8], to destination: SocketAddress) {
        guard let stream = stream(for: packet, to: destination) else { return }
        guard let pieceSize else {
            stream.send(packet)
            return
        }
        for start in stride(from: 0, to: packet.count, by: pieceSize) {
            stream.send(packet[start..<min(start + pieceSize, packet.count)])
            usleep(100)
        }
    }

    private func stream(for packet: [UInt8], to destination: SocketAddress) -> TestStream? {
        if packet.starts(with: "SIP/2.0".utf8) { return branch(of: packet).flatMap { byBranch[$0] } }
        if callsBack, let stream = accepted.last(where: { !$0.isEnded && $0.peer.ip == destination.ip }) {
            return stream
        }
        if let stream = opened.first(where: { !$0.isEnded && $0.peer == destination }) { return stream }
        guard let stream = try? TestStream(to: destination, from: SocketAddress(address.ip, 0)) else { return nil }
        if let security, let engine = try? TLSEngine(client: security.client, to: [destination.ip.description]) {
            stream.secure(engine)
        }
        opened.append(stream)
        return stream
    }

    private func branch(of packet: [UInt8]) -> String? {
        let text = String(decoding: packet, as: UTF8.self)
        guard let via = text.components(separatedBy: "\r\n").first(where: { $0.hasPrefix("Via:") }),
            let branch = via.components(separatedBy: "branch=").dropFirst().first
        else { return nil }
        return String(branch.prefix { $0 != ";" })
    }

    func receive(within milliseconds: Int32) -> (packet: [UInt8], source: SocketAddress?)? {
        let end = Date().addingTimeInterval(Double(milliseconds) / 1_000)
        repeat {
            for stream in accepted + opened {
                guard let packet = stream.message(within: 0) else { continue }
                if !packet.starts(with: "SIP/2.0".utf8), let branch = branch(of: packet) { byBranch[branch] = stream }
                return (packet, stream.peer)
            }
            wait(Int32(max(0, end.timeIntervalSinceNow) * 1_000))
        } while end.timeIntervalSinceNow > 0
        return nil
    }

    /// Waits until a connection or a message comes.
    private func wait(_ milliseconds: Int32) {
        let streams = (accepted + opened).filter { !$0.isEnded }
        var requests = ([listener.descriptor] + streams.map(\.descriptor)).map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        guard poll(&requests, nfds_t(requests.count), milliseconds) > 0 else { return }
        guard requests[0].revents != 0, let stream = listener.accept(within: 0) else { return }
        if let security, let engine = try? TLSEngine(server: security.server) { stream.secure(engine) }
        accepted.append(stream)
    }

    /// Lets go of all connections: with FIN, or with RST.
    func disconnect(reset: Bool = false) {
        if reset { for stream in accepted + opened { stream.resetOnClose() } }
        accepted = []
        opened = []
        byBranch = [:]
    }
}
