import Foundation
import NetworkTypes
import Testing

/// One end of SIP on loopback, driven line by line by a test: it sends what it is told and waits for what is expected.
final class UserAgent {
    let name: String
    let transport: TransportProtocol
    /// The host that it is on, where that is not this one.
    private let host: NetworkNamespace?
    private let peer: any Wire
    /// Datagrams that came before: a repeated one is a retransmission.
    private var seen: Set<[UInt8]> = []
    private var branches = 0
    /// Call-IDs of calls that it has given up: what still comes of them is passed over.
    var forgotten: Set<String> = []
    /// Addresses that nothing which it gets may show: those of the other side.
    var hidden: [IPAddress] = []
    /// Whether its media is SRTP.
    var isSecure = false
    /// How it gets the keys for it.
    var handshakes = Handshakes.none
    /// The part that goes with each session description; empty: there is none.
    var companion = ""

    enum Handshakes: Sendable { case none, begins, waits }

    var address: SocketAddress { peer.address }

    /// Its connections, over TCP.
    var streams: StreamPeer? { peer as? StreamPeer }
    /// What its URIs say of its transport.
    var parameter: String { transport == .udp ? "" : ";transport=\(transport)" }

    init(
        _ name: String, at address: SocketAddress, over transport: TransportProtocol = .udp,
        on host: NetworkNamespace? = nil, security: PeerSecurity? = nil
    ) throws {
        self.name = name
        self.transport = transport
        self.host = host
        let open: () throws -> any Wire = {
            transport == .udp ? try LoopbackPeer(at: address) : try StreamPeer(at: address, security: security)
        }
        peer = try host?.run(open) ?? open()
    }

    /// A new end for audio beside it.
    func media() throws -> MediaEnd {
        let media = try host?.run { [address] in try MediaEnd(on: address.ip) } ?? MediaEnd(on: address.ip)
        switch handshakes {
        case .none: if isSecure { try media.secure() }
        case .begins, .waits: try media.secure(beginning: handshakes == .begins)
        }
        return media
    }

    /// Sends a message that is written with plain line ends and without Content-Length.
    func send(_ head: String, body: String = "", to destination: SocketAddress) {
        let isParted = !body.isEmpty && !companion.isEmpty
        let sdp = "application/sdp"
        let type = body.isEmpty ? "" : "\nContent-Type: " + (isParted ? "multipart/mixed; boundary=part" : sdp)
        let body =
            isParted ? "--part\nContent-Type: \(sdp)\n\n\(body)\n--part\n\(companion)\n--part--\n" : body
        let text = head.trimmingCharacters(in: .newlines) + type + "\nContent-Length: "
        let wire = { (text: String) in text.replacingOccurrences(of: "\n", with: "\r\n") }
        let octets = Array(wire(body).utf8)
        let message = Array(wire(text).utf8) + Array("\(octets.count)\r\n\r\n".utf8) + octets
        guard let host else { return peer.send(message, to: destination) }
        // It may open a connection.
        _ = try? host.run { [peer] in peer.send(message, to: destination) }
    }

    /// A Via value for a new transaction.
    func via() -> String {
        branches += 1
        return "SIP/2.0/\(transport.viaName) \(address);rport;branch=z9hG4bK\(UUID().uuidString.prefix(8))\(branches)"
    }

    /// Answers a request as its Via says.
    func answer(
        _ status: String, to request: WireMessage, tag: String? = nil, _ extra: String = "", body: String = ""
    ) throws {
        var lines = ["SIP/2.0 \(status)"]
        for field in request.headers {
            switch field.name.lowercased() {
            case "via", "record-route", "from", "call-id", "cseq": lines.append("\(field.name): \(field.value)")
            case "to":
                let ownTag = tag.map { ";tag=\($0)" } ?? ""
                lines.append("To: \(field.value)\(field.value.contains(";tag=") ? "" : ownTag)")
            default: break
            }
        }
        if !extra.isEmpty { lines.append(extra) }
        let sentBy = request["Via"].components(separatedBy: " ").last ?? ""
        let destination = try #require(SocketAddress(hostPortOf: sentBy), "no way back in Via: \(request["Via"])")
        send(lines.joined(separator: "\n"), body: body, to: destination)
    }

    /// The next message, which must be of this kind (`INVITE`, `200 INVITE`); 100s and retransmissions are passed over.
    func expect(_ kind: String, within seconds: Double = 10) throws -> WireMessage {
        guard let message = next(within: seconds) else { throw Unexpected(name: name, wanted: kind, got: "nothing") }
        guard message.kind == kind else { throw Unexpected(name: name, wanted: kind, got: "\(message)") }
        return message
    }

    /// An INVITE that can be accepted: one that asks for SRTP of somebody who has none is refused, and comes once more.
    func expectINVITE() throws -> WireMessage {
        let invite = try expect("INVITE")
        guard !isSecure, invite.body.contains("RTP/SAVP") else { return invite }
        try answer("488 Not Acceptable Here", to: invite, tag: "refused")
        _ = try expect("ACK")
        let again = try expect("INVITE")
        #expect(!again.body.contains("RTP/SAVP"))
        return again
    }

    /// The next new message; nil if none comes.
    func next(within seconds: Double) -> WireMessage? {
        let end = Date().addingTimeInterval(seconds)
        repeat {
            let left = max(0, end.timeIntervalSinceNow)
            guard let (packet, _) = peer.receive(within: Int32(left * 1_000)) else { return nil }
            expectHidden(packet)
            guard seen.insert(packet).inserted, let message = WireMessage(packet), !message.kind.hasPrefix("100 "),
                !forgotten.contains(message["Call-ID"])
            else { continue }
            return message
        } while end.timeIntervalSinceNow > 0
        return nil
    }

    /// The scan of design §3.
    private func expectHidden(_ packet: [UInt8]) {
        let text = String(decoding: packet, as: UTF8.self)
        for ip in hidden {
            let isShown =
                ip.family == .v6
                ? text.contains("[\(ip)]") || text.contains("IP6 \(ip)\r")
                : text.ranges(of: "\(ip)").contains { range in
                    range.upperBound == text.endIndex || !text[range.upperBound].isNumber
                }
            if isShown { Issue.record("\(name) is shown \(ip):\n\(text)") }
        }
    }

    struct Unexpected: Error, CustomStringConvertible {
        let name: String
        let wanted: String
        let got: String

        var description: String { "\(name) waited for \(wanted) and got \(got)" }
    }
}
