import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Remote phones around a proxy core: a NAT with two phones behind it, and a PBX that is a registrar.
final class PhoneBench {
    static let nat = "198.51.100.99"
    /// Two phones behind one NAT.
    static let home = ProxyHarness.address("\(nat):40001")
    static let desk = ProxyHarness.address("\(nat):40002")
    static let domain = "pbx.example"

    let proxy: ProxyHarness
    private var number = 0

    init(
        _ contact: PhoneSettings.Contact = .path, pbxs: [String] = ["192.168.0.2"], phoneAddress: String? = nil,
        change: (inout ProxySettings) -> Void = { _ in }
    ) {
        proxy = ProxyHarness(pbxs: pbxs.map { PBXSettings(host: $0, port: 5060) }) { settings in
            settings.phones = PhoneSettings(domains: [Self.domain, "203.0.113.1"], contact: contact)
            settings.listeners += ProxyHarness.streams
            if let phoneAddress {
                settings.listeners.append(
                    Listener(
                        id: ListenerID(8), side: .inside, transport: .udp,
                        local: ProxyHarness.address("\(phoneAddress):5060"), trunk: PhoneSettings.trunkName))
            }
            change(&settings)
        }
    }

    // MARK: Messages

    func register(
        _ user: String = "home", domain: String = domain, contact: String? = nil, expires: Int = 600,
        vias: String = "", extra: String = "", transport: String = "UDP"
    ) -> String {
        number += 1
        return CallTexts.request(
            "REGISTER sip:\(domain) SIP/2.0",
            """
            Via: SIP/2.0/\(transport) 10.0.0.2:5070;rport;branch=z9hG4bKreg\(number)
            \(vias)
            From: <sip:\(user)@\(domain)>;tag=r\(number)
            To: <sip:\(user)@\(domain)>
            Call-ID: reg-\(user)
            CSeq: \(number) REGISTER
            Contact: \(contact ?? "<sip:\(user)@10.0.0.2:5070>")
            Expires: \(expires)
            Max-Forwards: 70
            \(extra)
            """, nil)
    }

    /// A request of a phone outside dialogs, or of the PBX with that `route`.
    func request(
        _ method: String = "INVITE", _ uri: String = "sip:tone@pbx.example", from: String = "sip:home@pbx.example",
        via: String = "10.0.0.2:5070", route: String = "", toTag: String = "", callID: String? = nil,
        body: String? = nil, transport: String = "UDP"
    ) -> String {
        number += 1
        return CallTexts.request(
            "\(method) \(uri) SIP/2.0",
            """
            Via: SIP/2.0/\(transport) \(via);rport;branch=z9hG4bKq\(number)
            \(route)
            From: <\(from)>;tag=f\(number)
            To: <\(uri)>\(toTag)
            Call-ID: \(callID ?? "q-\(number)")
            CSeq: 1 \(method)
            Contact: <sip:home@\(via)>
            Max-Forwards: 70
            """, body)
    }

    // MARK: What happens

    /// A phone registers, and the PBX answers as a registrar does.
    @discardableResult
    func registered(
        _ user: String = "home", from source: SocketAddress = home, contact: String? = nil, expires: Int = 600,
        extra: String = "", by transport: TransportProtocol = .udp, connection: UInt64 = 0
    ) throws -> (request: Sent, answer: Sent) {
        let text = register(user, contact: contact, expires: expires, extra: extra, transport: transport.viaName)
        let request = try #require(receive(text, from: source, by: transport, connection: connection).first)
        let listed = request.header(.contact)
        let ok = CallTexts.response(
            200, "OK", to: request, tag: "pbx", contact: expires > 0 ? "\(listed);expires=\(expires)" : nil,
            extra: request.message?.has(.path) == true ? "Path: \(request.header(.path))" : "")
        let listener: UInt16? = request.from == ProxyHarness.address("192.168.0.9:5060") ? 8 : nil
        let answer = try #require(proxy.receive(wire(ok), on: .inside, from: request.to, listener: listener).first)
        // On a stream the flow's connection says where.
        #expect(transport == .tcp ? answer.to.ip == source.ip : answer.to == source)
        return (request, answer)
    }

    /// A message comes from outside, perhaps on a connection.
    @discardableResult
    func receive(
        _ text: String, from source: SocketAddress, by transport: TransportProtocol = .udp, connection: UInt64 = 0
    ) -> [Sent] {
        let listener = ListenerID(transport == .udp ? 1 : 5)
        return proxy.receive(
            wire(text), on: .outside, from: Flow(listener: listener, peer: source, connection: connection))
    }

    /// An INVITE of the PBX to what a REGISTER brought it.
    func call(_ request: Sent, _ mode: PhoneSettings.Contact, callID: String? = nil) -> String {
        let uri = request.uri(.contact)
        // Asterisk adds a parameter when it rewrites a Contact.
        let rewritten = mode == .parameter ? uri + ";x-ast-orig-host=192.168.0.1:5060" : uri
        return self.request(
            "INVITE", rewritten, from: "sip:100@192.168.0.2", via: "192.168.0.2:5060",
            route: mode == .path ? request.route : "", callID: callID, body: CallTexts.sdpInside)
    }

    /// The PBX sends a request along the Path that a REGISTER brought.
    @discardableResult
    func fromPBX(_ text: String) -> [Sent] { proxy.receive(text, on: .inside) }

    var dropped: UInt64 { proxy.core.counters.droppedUnadmitted }
}

extension Sent {
    /// The PBX's Route for a Path that it stored.
    var route: String { "Route: \(header(.path))" }
}
