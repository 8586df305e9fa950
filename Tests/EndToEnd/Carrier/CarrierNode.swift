import Foundation
import NetworkTypes
import Synchronization

/// One of the hosts behind an ITSP's name: registrar and gateway, which takes only credentials for a nonce of its own.
final class CarrierNode: Sendable {
    /// A REGISTER or INVITE that came, without retransmissions.
    struct Request: Hashable {
        let callID: String
        let method: String
        /// What the credentials were worth; nil where there were none.
        let areAccepted: Bool?
    }

    enum Conduct { case answer, silence }

    fileprivate struct State {
        var nonces: Set<String> = []
        var requests: [Request] = []
        /// By branch: what is said again to a retransmission.
        var replies: [String: [UInt8]?] = [:]
    }

    private final class Memory: Sendable {
        let state = Mutex(State())
    }

    static let password = "zanzibar"
    static let realm = "itsp.test"

    private let memory = Memory()
    private let service: DatagramService

    /// What came so far.
    var requests: [Request] { memory.state.withLock { $0.requests } }

    init(at ip: IPAddress, on host: NetworkNamespace, _ conduct: Conduct = .answer) throws {
        let address = SocketAddress(ip, 5060)
        service = try DatagramService(at: address, on: host) { [memory] packet in
            guard let request = WireMessage(packet) else { return nil }
            return memory.state.withLock { state in
                let branch = request["Via"] + request.kind
                if let reply = state.replies[branch] { return reply }
                let reply = state.reply(to: request, at: address, conduct).map(Self.octets)
                state.replies[branch] = .some(reply)
                return reply
            }
        }
    }

    private static func octets(_ text: String) -> [UInt8] {
        Array(text.replacingOccurrences(of: "\n", with: "\r\n").utf8)
    }
}

extension CarrierNode.State {
    fileprivate mutating func reply(
        to request: WireMessage, at address: SocketAddress, _ conduct: CarrierNode.Conduct
    ) -> String? {
        switch request.kind {
        case "REGISTER", "INVITE":
            let isAccepted = areAccepted(request)
            requests.append(.init(callID: request["Call-ID"], method: request.kind, areAccepted: isAccepted))
            guard conduct == .answer else { return nil }
            guard isAccepted == true else { return challenge(request) }
            return request.kind == "INVITE" ? answer(request, at: address) : bound(request)
        case "BYE" where conduct == .answer: return Self.response("200 OK", to: request)
        default: return nil
        }
    }

    /// Whether the credentials are for a nonce of ours, and for this request.
    private func areAccepted(_ request: WireMessage) -> Bool? {
        let name = request.kind == "INVITE" ? "proxy-authorization" : "authorization"
        guard let value = request.headers.first(where: { $0.name.lowercased() == name })?.value else { return nil }
        let given = Digest.parameters(value)
        guard let user = given["username"], let nonce = given["nonce"], let count = given["nc"],
            let clientNonce = given["cnonce"], given["uri"] == request.requestURI, nonces.contains(nonce)
        else { return false }
        let digest = Digest(
            username: user, realm: CarrierNode.realm, nonce: nonce, uri: request.requestURI, count: count,
            clientNonce: clientNonce)
        return digest.response(password: CarrierNode.password, method: request.kind) == given["response"]
    }

    private mutating func challenge(_ request: WireMessage) -> String {
        let nonce = UUID().uuidString
        nonces.insert(nonce)
        let challenge = "Digest realm=\"\(CarrierNode.realm)\", nonce=\"\(nonce)\", algorithm=MD5, qop=\"auth\""
        return request.kind == "INVITE"
            ? Self.response("407 Proxy Authentication Required", to: request, "Proxy-Authenticate: \(challenge)")
            : Self.response("401 Unauthorized", to: request, "WWW-Authenticate: \(challenge)")
    }

    private func bound(_ request: WireMessage) -> String {
        Self.response("200 OK", to: request, "Contact: <\(request.uri("Contact"))>;expires=600")
    }

    private func answer(_ request: WireMessage, at address: SocketAddress) -> String {
        let session = """
            v=0
            o=- 1 1 IN IP4 \(address.ip)
            s=-
            c=IN IP4 \(address.ip)
            t=0 0
            m=audio 20000 RTP/AVP 0
            a=rtpmap:0 PCMU/8000

            """
        return Self.response("200 OK", to: request, "Contact: <sip:gateway@\(address)>", body: session)
    }

    private static func response(
        _ status: String, to request: WireMessage, _ extra: String? = nil, body: String = ""
    ) -> String {
        let copied = request.headers.filter {
            ["via", "record-route", "from", "to", "call-id", "cseq"].contains($0.name.lowercased())
        }
        var lines = ["SIP/2.0 \(status)"]
        for (name, value) in copied {
            let tag = name.lowercased() == "to" && !value.contains(";tag=") ? ";tag=carrier" : ""
            lines.append("\(name): \(value)\(tag)")
        }
        if let extra { lines.append(extra) }
        if !body.isEmpty { lines.append("Content-Type: application/sdp") }
        let length = body.replacingOccurrences(of: "\n", with: "\r\n").utf8.count
        return (lines + ["Content-Length: \(length)", "", body]).joined(separator: "\n")
    }
}
