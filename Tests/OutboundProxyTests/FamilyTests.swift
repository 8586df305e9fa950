import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// One family inside, the other outside: each side's identity in its own (design §3).
@Suite struct FamilyTests {
    static let pbx6 = ProxyHarness.address("[fd00:168::2]:5060")
    static let itsp6 = ProxyHarness.address("[2001:db8:113::10]:5060")

    @Test func `an IPv4 PBX registers at and calls an IPv6 ITSP`() throws {
        let proxy = ProxyHarness()
        let (request, response) = try proxy.register(registrar: "[2001:db8:113::10]")
        #expect(request.to == Self.itsp6)
        #expect(request.values(.via)[0].hasPrefix("SIP/2.0/UDP [2001:db8:113::1]:5060;rport;branch="))
        #expect(request.uri(.contact).hasPrefix("sip:s@[2001:db8:113::1]:5060;sp=r"))
        #expect(response.uri(.contact) == "sip:s@192.168.0.2:5060;line=vtqvcuo")
        let sent = proxy.receive(
            CallTexts.inboundINVITE(uri: request.uri(.contact)), on: .outside, from: Self.itsp6)
        #expect(sent.map(\.requestURI) == ["sip:s@192.168.0.2:5060;line=vtqvcuo"])
        #expect(sent[0].values(.recordRoute)[0] == "<sip:192.168.0.1:5060;lr;r2=on>")
        #expect(sent[0].values(.recordRoute)[1].hasPrefix("<sip:[2001:db8:113::1]:5060;lr;r2=on;sp=h"))
        #expect(sent[0].values(.via)[1].hasSuffix(";received=2001:db8:113::10"))
    }

    @Test func `an IPv6 PBX calls an IPv4 ITSP, and is called through it`() throws {
        let proxy = ProxyHarness(pbxs: [PBXSettings(host: "fd00:168::2", port: 5070)])
        let text = CallTexts.outboundINVITE(uri: "sip:tone@203.0.113.10", route: "Route: <sip:[fd00:168::1];lr>\n")
            .replacing("192.168.0.2:5060", with: "[fd00:168::2]:5060").replacing(
                "IN IP4 192.168.0.2", with: "IN IP6 fd00:168::2"
            )
            .replacing("@192.168.0.2", with: "@[fd00:168::2]")
        let invite = try #require(proxy.receive(text.measured, on: .inside, from: Self.pbx6).first)
        #expect(invite.to == ProxyHarness.itsp && invite.values(.route).isEmpty)
        #expect(invite.uri(.contact).hasPrefix("sip:asterisk@203.0.113.1:5060;sp=d"))
        #expect(invite.values(.recordRoute).count == 1)
        let ok = try #require(
            proxy.receive(
                CallTexts.response(
                    200, "OK", to: invite, tag: "b", contact: ProxyHarness.itspContact, body: CallTexts.sdpOutside),
                on: .outside
            ).first)
        #expect(ok.to == Self.pbx6)
        // The BYE of the ITSP reaches the PBX at its literal, and ours does too.
        var itsp = Dialog(
            side: .outside, source: ProxyHarness.itsp, local: ok.header(.to), remote: invite.header(.from),
            callID: "call-1", target: invite.uri(.contact), routes: invite.values(.recordRoute), cSeq: 1,
            contact: ProxyHarness.itspContact)
        let bye = try #require(ProxyHarness().receive(itsp.request("BYE"), on: .outside).first)
        #expect(bye.requestURI == "sip:asterisk@[fd00:168::2]:5060" && bye.to == Self.pbx6)
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        #expect(proxy.drain().first { $0.side == .inside }?.to == Self.pbx6)
        proxy.core.apply(.learn(domain: "itsp.example", address: ProxyHarness.itsp.ip, until: .distantFuture))
        let called = proxy.receive(CallTexts.inboundINVITE(uri: "sip:8005551212@203.0.113.1"), on: .outside)
        #expect(called.map(\.requestURI) == ["sip:8005551212@[fd00:168::2]:5070"])
        #expect(called.map(\.to) == [ProxyHarness.address("[fd00:168::2]:5070")])
    }

    @Test(arguments: [
        (["2001:db8:113::10"], "[2001:db8:113::10]:5060"), (["203.0.113.10", "2001:db8:113::10"], "203.0.113.10:5060"),
    ])
    func `a name leads to a family that the outside side speaks`(addresses: [String], target: String) throws {
        let proxy = ProxyHarness()
        proxy.receive(CallTexts.outboundINVITE(uri: "sip:tone@itsp.example"), on: .inside)
        #expect(proxy.resolve("itsp.example", addresses).map(\.to) == [ProxyHarness.address(target)])
        let v4 = ProxyHarness { $0.listeners.removeLast() }
        v4.receive(CallTexts.outboundINVITE(uri: "sip:tone@itsp.example"), on: .inside)
        let sent = v4.resolve("itsp.example", addresses)
        #expect(sent.map(\.status) == (addresses.count == 1 ? [503] : [0]))
    }

    @Test(arguments: ["[::ffff:192.168.0.9]", "[64:ff9b::c0a8:9]", "[2002:c0a8:9::]"])
    func `an inside address in IPv6 spelling is inside, and never outside (security 13)`(host: String) {
        let proxy = ProxyHarness()
        let sent = proxy.receive(CallTexts.outboundINVITE(uri: "sip:x@\(host)"), on: .inside)
        #expect(!sent.contains { $0.side == .outside })
    }
}

/// What Asterisk and real ITSPs put on the wire, where no other suite names it (findings 2, 5, 7).
@Suite struct FindingTests {
    let proxy = ProxyHarness()

    @Test func `the PBX's From leaves with our host for its own (finding 2)`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        #expect(invite.header(.from) == "\"1000\" <sip:1000@203.0.113.1>;tag=pbx")
        #expect(invite.header(.to) == "<sip:tone@203.0.113.10>")
    }

    @Test func `an authenticated INVITE of 1,489 bytes passes, and is counted as one that fragments (finding 5)`()
        throws
    {
        let credentials = "Authorization: Digest " + String(repeating: "x", count: 800)
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(extra: credentials), on: .inside).first)
        #expect(invite.bytes.count > 1300 && invite.text.contains(credentials + "\r\n"))
        #expect(proxy.core.counters.largeMessages == 1)
    }

    @Test func `direct_media: the phone's address inside shows no trace outside (finding 7)`() throws {
        var call = try proxy.callOut()
        let first = call.invite.body.split(separator: "\r\n").filter { $0.hasPrefix("c=") || $0.hasPrefix("m=") }
        for address in ["192.168.0.50", "192.168.0.2"] {
            let body = CallTexts.sdp("192.168.0.2", 12000)
                .replacing("c=IN IP4 192.168.0.2", with: "c=IN IP4 \(address)").replacing("12000", with: "4000")
            let invite = try #require(proxy.receive(call.pbx.request("INVITE", body: body), on: .inside).first)
            #expect(invite.body.split(separator: "\r\n").filter { $0.hasPrefix("c=") || $0.hasPrefix("m=") } == first)
            proxy.receive(
                CallTexts.response(200, "OK", to: invite, contact: call.itsp.contact, body: CallTexts.sdpOutside),
                on: .outside)
            #expect(proxy.receive(call.pbx.request("ACK", cSeq: call.pbx.cSeq), on: .inside).map(\.method) == [.ack])
        }
        #expect(proxy.core.callCount == 1)
    }
}

extension String {
    /// With the Content-Length that its body has on the wire.
    fileprivate var measured: String {
        guard let end = range(of: "\n\n") else { return self }
        return replacing(/Content-Length: \d+/, with: "Content-Length: \(wire(String(self[end.upperBound...])).count)")
    }

    private func range(of text: String) -> Range<String.Index>? { firstRange(of: text) }
}
