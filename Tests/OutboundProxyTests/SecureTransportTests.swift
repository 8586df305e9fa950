import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// TLS as the core sees it: who a server has to be, and what `sips:` means (RFC 3261 §26.2, RFC 5922).
@Suite struct SecureTransportTests {
    /// The names that servers have had to be, in order.
    private final class Names: @unchecked Sendable {
        // Sendable: each test has its own and one thread.
        var list: [PeerName] = []

        func id(of name: PeerName) -> PeerNameID {
            if !list.contains(name) { list.append(name) }
            return PeerNameID(UInt32((list.firstIndex(of: name) ?? 0) + 1))
        }
    }

    private static func listeners() -> [Listener] {
        ProxyHarness.listeners.map { udp in
            Listener(
                id: ListenerID(udp.id.index + UInt16(ProxyHarness.listeners.count)), side: udp.side, transport: .tls,
                local: SocketAddress(udp.local.ip, 5061))
        }
    }

    private func proxy(_ trunks: [TrunkSettings] = [], _ names: Names = Names()) -> ProxyHarness {
        ProxyHarness(trunks: trunks) {
            $0.listeners += Self.listeners()
            $0.numberOfName = { names.id(of: $0) }
        }
    }

    private func located(_ address: String) -> Location {
        .targets([LocatedTarget(Target(.tls, ProxyHarness.address(address)))])
    }

    /// The flows that requests have left on.
    private func flow(_ proxy: ProxyHarness, _ uri: String, callID: String = "call-1") -> Flow? {
        proxy.core.receive(
            wire(CallTexts.outboundINVITE(branch: "z9hG4bK\(callID)", callID: callID, uri: uri)),
            from: Flow(listener: ListenerID(0), peer: ProxyHarness.pbx), at: proxy.now)
        for output in proxy.core.takeOutputs() {
            switch output {
            case .send(_, let flow) where flow.listener.index >= 4: return flow
            case .locate(let query): proxy.core.located(query, located("203.0.113.10:5061"), at: proxy.now)
            default: break
            }
        }
        for case .send(_, let flow) in proxy.core.takeOutputs() where flow.listener.index >= 4 { return flow }
        return nil
    }

    @Test func `a server has to be the domain that was asked for, whatever address it has`() {
        let names = Names()
        let proxy = proxy([TrunkSettings(name: "t", domain: "my.itsp.example")], names)
        let first = flow(proxy, "sip:a@my.itsp.example;transport=tls", callID: "a")
        let second = flow(proxy, "sip:a@other.example;transport=tls", callID: "b")
        let third = flow(proxy, "sips:a@other.example", callID: "c")
        #expect(
            names.list == [PeerName(["my.itsp.example"], trunk: "t"), PeerName(["other.example"])])
        #expect(first?.peer == second?.peer && first?.name != second?.name)
        #expect(second == third && first != nil)
    }

    @Test(arguments: [
        ("sip:a@203.0.113.10;transport=tls", ["my.itsp.example", "203.0.113.10"], "t"),
        ("sip:a@198.51.100.7;transport=tls", ["198.51.100.7"], ""), ("sips:a@203.0.113.11", ["203.0.113.11"], "u"),
    ])
    func `an address is its trunk, or itself`(uri: String, wanted: [String], trunk: String) {
        let names = Names()
        let proxy = proxy(
            [
                TrunkSettings(
                    name: "t", domain: "my.itsp.example", networks: [IPNetwork("203.0.113.10")].compactMap { $0 }),
                TrunkSettings(name: "u", domain: "203.0.113.11"),
            ], names)
        #expect(flow(proxy, uri)?.name == PeerNameID(1))
        #expect(names.list == [PeerName(wanted, trunk: trunk)])
    }

    @Test func `a call of a trunk goes to a PBX by the PBX's name, and by no rule of the trunk's`() throws {
        let names = Names()
        let proxy = ProxyHarness(
            pbxs: [PBXSettings(host: "pbx.example", transport: .tls)],
            trunks: [TrunkSettings(name: "t", domain: "203.0.113.10")]
        ) {
            $0.listeners += Self.listeners()
            $0.numberOfName = { names.id(of: $0) }
        }
        _ = proxy.receive(CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1"), on: .outside)
        let sent = proxy.locate("pbx.example", located("192.168.0.2:5061"))
        #expect(sent.inside.first?.transport == .tls && names.list == [PeerName(["pbx.example"])])
    }

    @Test func `without room for another name the request has nowhere to go`() {
        let proxy = ProxyHarness {
            $0.listeners += Self.listeners()
            $0.numberOfName = { _ in nil }
        }
        let sent = proxy.receive(CallTexts.outboundINVITE(uri: "sip:a@203.0.113.10;transport=tls"), on: .inside)
        #expect(sent.statuses == [503])
    }

    @Test func `a transport error concerns those who wanted that name alone`() throws {
        let proxy = proxy()
        let first = try #require(flow(proxy, "sip:a@my.itsp.example;transport=tls", callID: "a"))
        let second = try #require(flow(proxy, "sip:a@other.example;transport=tls", callID: "b"))
        proxy.core.transportFailed(first, at: proxy.now)
        #expect(proxy.drain().statuses == [503])
        proxy.core.transportFailed(second, at: proxy.now)
        #expect(proxy.drain().statuses == [503])
    }

    @Test(arguments: [false, true])
    func `for sips we record sips, and are sips in Contact`(isHidden: Bool) throws {
        var trunk = TrunkSettings(name: "t", domain: "203.0.113.10")
        trunk.hiding.isOn = isHidden
        let proxy = proxy([trunk])
        proxy.scansOutside = isHidden
        let text = CallTexts.outboundINVITE(uri: "sips:tone@203.0.113.10")
        let invite = try #require(proxy.receive(text, on: .inside).first)
        #expect(invite.transport == .tls && invite.to == ProxyHarness.address("203.0.113.10:5061"))
        #expect(invite.values(.via).first?.hasPrefix("SIP/2.0/TLS 203.0.113.1:5061;") == true)
        #expect(invite.values(.recordRoute).first?.hasPrefix("<sips:203.0.113.1:5061;lr") == true)
        // The PBX speaks UDP with us, and can't be told to speak TLS.
        if !isHidden { #expect(invite.values(.recordRoute).last?.hasPrefix("<sip:192.168.0.1:5060;lr") == true) }
        #expect(invite.uri(.contact).hasPrefix("sips:asterisk@203.0.113.1:5061;sp="))
        let answer = proxy.answer(200, to: invite, contact: "<sips:tone@203.0.113.10>").inside.first
        let ok = try #require(answer)
        #expect(ok.values(.recordRoute).allSatisfy { $0.contains("203.0.113.1:5061") == $0.hasPrefix("<sips:") })
        // In the dialog the ITSP comes back to what it was told.
        let bye = CallTexts.request(
            "BYE \(invite.uri(.contact)) SIP/2.0",
            """
            Via: SIP/2.0/TLS 203.0.113.10:5061;branch=z9hG4bKbye
            Route: \(invite.values(.recordRoute)[0])
            From: <sip:tone@203.0.113.10>;tag=\(ok.message?.toTag.map { ok.bytes.text($0) } ?? "")
            To: \(invite.header(.from))
            Call-ID: \(invite.header(.callID))
            CSeq: 9 BYE
            Max-Forwards: 70
            """, nil)
        let sent = proxy.receive(
            bye, on: .outside, from: ProxyHarness.address("203.0.113.10:5061"), by: .tls)
        #expect(sent.inside.first?.requestURI == "sip:asterisk@192.168.0.2:5060")
    }

    @Test func `between TLS and another transport both are recorded, without sips`() throws {
        var trunk = TrunkSettings(name: "t", domain: "203.0.113.10", transport: .tls)
        trunk.hiding.isOn = false
        let proxy = proxy([trunk])
        proxy.scansOutside = false
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        #expect(invite.transport == .tls)
        let routes = invite.values(.recordRoute)
        #expect(routes.count == 2 && routes[0].hasPrefix("<sip:203.0.113.1:5061;transport=tls;lr;r2=on"))
        #expect(routes.count == 2 && routes[1].hasPrefix("<sip:192.168.0.1:5060;lr;r2=on"))
        #expect(invite.uri(.contact).hasPrefix("sip:asterisk@203.0.113.1:5061;transport=tls;sp="))
    }

    @Test func `what was sips stays off other transports wherever it goes`() {
        // A route that says UDP, and a flow of a call that is in the clear.
        let proxy = proxy()
        let text = CallTexts.outboundINVITE(
            uri: "sips:tone@203.0.113.10", route: "Route: <sip:192.168.0.1;lr>, <sip:203.0.113.20;transport=udp;lr>\n")
        #expect(proxy.receive(text, on: .inside).statuses == [503])
        let tcp = CallTexts.outboundINVITE(
            branch: "z9hG4bK2", uri: "SIPS:tone@203.0.113.10",
            route: "Route: <sip:192.168.0.1;lr>, <sip:x.example;lr>\n")
        #expect(proxy.receive(tcp, on: .inside).outside.isEmpty)
        #expect(proxy.resolve("x.example", ["203.0.113.20"]).statuses == [503])
    }
}
