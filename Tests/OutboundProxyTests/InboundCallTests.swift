import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Where requests from outside go (design §3, §4): by token, by trunk and user, to the trunk's PBX, the default one.
@Suite struct InboundCallTests {
    static let pbxURI = "sip:s@192.168.0.2:5060;line=vtqvcuo"

    /// A proxy with a registration of 1000, and the URI that the ITSP knows.
    private func registered(
        trunks: [TrunkSettings] = [], pbxs: [PBXSettings] = []
    ) throws -> (ProxyHarness, String) {
        let proxy = ProxyHarness(pbxs: pbxs, trunks: trunks)
        return (proxy, try proxy.register().request.uri(.contact))
    }

    private func invite(_ uri: String, extra: String = "") -> String { CallTexts.inboundINVITE(uri: uri, extra: extra) }

    @Test func `by token: the INVITE reaches the PBX at the Contact it registered (finding 4)`() throws {
        let (proxy, uri) = try registered()
        let sent = try #require(proxy.receive(invite(uri), on: .outside).first)
        #expect(sent.start == "INVITE \(Self.pbxURI) SIP/2.0")
        #expect(sent.to == ProxyHarness.pbx && sent.side == .inside)
        #expect(
            sent.text.contains("\r\nX-Sallyport-Trunk: 203.0.113.10\r\n")
                || sent.text.contains("X-Sallyport-Trunk: 203.0.113.10\r\n"))
        #expect(sent.values(.recordRoute).count == 3)
        #expect(sent.values(.recordRoute)[0] == "<sip:192.168.0.1:5060;lr;r2=on>")
        #expect(sent.values(.recordRoute)[1].hasPrefix("<sip:203.0.113.1:5060;lr;r2=on;sp=h"))
        // The ITSP's Contact and SDP origin are its own business; the media address is ours.
        #expect(sent.header(.contact) == "<sip:5551234@203.0.113.11:5060>")
        #expect(sent.body.contains("c=IN IP4 192.168.0.1"))
        #expect(sent.values(.via)[1] == "SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bKitsp1")
    }

    @Test func `a trunk that calls its own domain means us; another foreign host gets 403`() throws {
        let (proxy, _) = try registered()
        let sent = proxy.receive(invite("sip:1000@203.0.113.10"), on: .outside)
        #expect(sent.map(\.requestURI) == ["sip:1000@192.168.0.2:5060;line=vtqvcuo"])
        let foreign = CallTexts.inboundINVITE(
            uri: "sip:1000@203.0.113.77", branch: "z9hG4bKforeign", callID: "foreign")
        #expect(proxy.receive(foreign, on: .outside).map(\.status) == [403])
    }

    @Test func `a live token admits an unknown source`() throws {
        let (proxy, uri) = try registered()
        let sent = proxy.receive(invite(uri), on: .outside, from: ProxyHarness.stranger)
        #expect(sent.map(\.requestURI) == [Self.pbxURI])
        #expect(sent[0].values(.via)[1].hasSuffix(";received=198.51.100.66"))
        #expect(sent[0].text.contains("X-Sallyport-Trunk: 203.0.113.10\r\n"))
    }

    @Test func `a dead, forged or foreign token is never followed`() throws {
        let (proxy, uri) = try registered()
        let other = ProxyHarness()
        let transactions = proxy.core.transactionCount
        for forged in [
            uri + "A", String(uri.dropLast()), uri.replacing(";sp=r", with: ";sp=d"),
            uri.replacing(";sp=r", with: ";sp=h"),
            "sip:s@203.0.113.1:5060;sp=", "sip:s@203.0.113.1:5060;sp", "sip:s@203.0.113.1:5060;sp=rAAAA",
        ] {
            #expect(proxy.receive(invite(forged), on: .outside, from: ProxyHarness.stranger).isEmpty, "\(forged)")
        }
        #expect(other.receive(invite(uri), on: .outside, from: ProxyHarness.stranger).isEmpty)
        #expect(proxy.core.counters.droppedUnadmitted == 7 && proxy.core.transactionCount == transactions)
    }

    @Test func `the DID in the user part reaches the PBX, with what the PBX registered around it`() throws {
        let (proxy, uri) = try registered()
        let did = uri.replacing("sip:s@", with: "sip:8005551212@")
        let sent = proxy.receive(invite(did), on: .outside)
        #expect(sent.map(\.requestURI) == ["sip:8005551212@192.168.0.2:5060;line=vtqvcuo"])
    }

    @Test func `parameters that the ITSP adds stay; those that would lead elsewhere don't`() throws {
        let (proxy, uri) = try registered()
        let text = uri + ";user=phone;LINE=x;maddr=198.51.100.1;transport=tcp;lr;npdi"
        let sent = proxy.receive(invite(text), on: .outside)
        #expect(sent.map(\.requestURI) == [Self.pbxURI + ";user=phone;npdi"])
        #expect(sent.map(\.to) == [ProxyHarness.pbx])
    }

    @Test(arguments: [true, false])
    func `a trunk that calls the account name instead of the registered user`(hasToken: Bool) throws {
        let (proxy, uri) = try registered()
        let text = hasToken ? uri.replacing("sip:s@", with: "sip:1000@") : "sip:1000@203.0.113.1:5060"
        let sent = proxy.receive(invite(text), on: .outside)
        #expect(sent.map(\.requestURI) == ["sip:1000@192.168.0.2:5060;line=vtqvcuo"])
    }

    @Test(arguments: ["sip:s@203.0.113.1:5060", "sip:s@203.0.113.1"])
    func `an ITSP that takes the token away: found by trunk and user`(uri: String) throws {
        let (proxy, _) = try registered()
        #expect(proxy.receive(invite(uri), on: .outside).map(\.requestURI) == [Self.pbxURI])
        // Nobody else finds it so.
        #expect(
            proxy.receive(invite(uri), on: .outside, from: ProxyHarness.stranger).allSatisfy { $0.status == 404 })
    }

    @Test func `a DID without a token goes to the default PBX, else to the only one that registered there`() throws {
        let did = "sip:8005551212@203.0.113.1"
        let (proxy, _) = try registered()
        #expect(
            proxy.receive(invite(did), on: .outside).map(\.requestURI)
                == ["sip:8005551212@192.168.0.2:5060;line=vtqvcuo"])
        let (other, _) = try registered(pbxs: [
            PBXSettings(host: "192.168.0.9", port: 5080), PBXSettings(host: "192.168.0.2", port: 5060),
        ])
        let sent = other.receive(invite(did), on: .outside)
        #expect(sent.map(\.requestURI) == ["sip:8005551212@192.168.0.9:5080"])
        #expect(sent.map(\.to) == [ProxyHarness.address("192.168.0.9:5080")])
    }

    @Test func `a configured trunk: by networks, by literal domain, by what its name resolves to; to its own PBX`() {
        let trunk = TrunkSettings(
            name: "gateways", domain: "gw.example", networks: [IPNetwork("198.51.100.0/24")].compactMap { $0 },
            pbxs: [PBXSettings(host: "192.168.0.3", port: 5060)])
        let proxy = ProxyHarness(trunks: [trunk])
        let text = invite("sip:8005551212@203.0.113.1")
        let sent = proxy.receive(text, on: .outside, from: ProxyHarness.stranger)
        #expect(sent.map(\.requestURI) == ["sip:8005551212@192.168.0.3"])
        #expect(sent[0].text.contains("X-Sallyport-Trunk: gateways\r\n"))
        let named = ProxyHarness.address("192.0.2.44:5060")
        #expect(proxy.receive(text, on: .outside, from: named).map(\.status) == [404])
        proxy.core.apply(.resolved(domain: "gw.example", addresses: [named.ip]))
        let resolved = proxy.receive(
            CallTexts.inboundINVITE(uri: "sip:8005551212@203.0.113.1", branch: "z9hG4bKn"), on: .outside, from: named)
        #expect(resolved.map(\.requestURI) == ["sip:8005551212@192.168.0.3"])
    }

    @Test func `two accounts at one domain: the token says which`() throws {
        let trunks = [
            TrunkSettings(name: "one", domain: "203.0.113.10", user: "1000"),
            TrunkSettings(name: "two", domain: "203.0.113.10", user: "2000"),
        ]
        let proxy = ProxyHarness(trunks: trunks)
        try proxy.register()
        let uri = try proxy.register(
            contact: "<sip:t@192.168.0.2:5060;line=b>", user: "2000", branch: "z9hG4bKb"
        ).request.uri(.contact)
        let sent = try #require(proxy.receive(invite(uri), on: .outside).first)
        #expect(sent.requestURI == "sip:t@192.168.0.2:5060;line=b")
        #expect(sent.text.contains("X-Sallyport-Trunk: two\r\n"))
    }

    @Test func `trust_udp: no refuses a trunk's requests over UDP, with a token too (security 26)`() throws {
        let trunk = TrunkSettings(name: "safe", domain: "203.0.113.10", trustsUDP: false)
        let (proxy, uri) = try registered(trunks: [trunk], pbxs: [PBXSettings(host: "192.168.0.2", port: 5060)])
        for (index, target) in [uri, "sip:s@203.0.113.1:5060", "sip:8005551212@203.0.113.1"].enumerated() {
            let text = CallTexts.inboundINVITE(uri: target, branch: "z9hG4bKu\(index)")
            let sent = proxy.receive(text, on: .outside)
            #expect(sent.allSatisfy { $0.side == .outside && $0.status == 404 }, "\(target)")
        }
        // Its dialogs go on: their tokens prove themselves.
        var call = try proxy.callOut()
        #expect(proxy.receive(call.itsp.request("BYE"), on: .outside).map(\.side) == [.inside])
    }

    @Test func `a trunk that asks for somebody we can't place gets 404`() throws {
        let proxy = ProxyHarness(pbxs: [], trunks: [TrunkSettings(name: "gw", domain: "203.0.113.10")])
        #expect(proxy.receive(invite("sip:nobody@203.0.113.1"), on: .outside).map(\.status) == [404])
        proxy.expectNothingLeft()
    }

    @Test func `an inbound X-Sallyport-Trunk is taken off, however it is spelt (security 22)`() throws {
        let (proxy, uri) = try registered()
        let extra = "X-Sallyport-Trunk: boss\nx-sallyport-trunk : other\nX-SALLYPORT-TRUNK:\n folded"
        let sent = try #require(proxy.receive(wireLines(invite(uri, extra: extra)), on: .outside).first)
        #expect(sent.values(.sallyportTrunk) == ["203.0.113.10"])
        #expect(!sent.text.contains("boss") && !sent.text.contains("other") && !sent.text.contains("folded"))
        // Nor does the PBX's own leave.
        let out = try #require(
            proxy.receive(CallTexts.outboundINVITE(extra: "X-Sallyport-Trunk: x"), on: .inside).first)
        #expect(out.values(.sallyportTrunk).isEmpty)
    }

    @Test func `OPTIONS of a trunk: answered when addressed to us, relayed end to end to a user`() throws {
        let (proxy, uri) = try registered()
        let mine = proxy.receive(options("sip:203.0.113.1:5060"), on: .outside)
        #expect(mine.map(\.status) == [200] && mine[0].side == .outside)
        let relayed = try #require(proxy.receive(options(uri, branch: "z9hG4bKo2"), on: .outside).first)
        #expect(relayed.start == "OPTIONS \(Self.pbxURI) SIP/2.0" && relayed.side == .inside)
        let answer = proxy.receive(
            CallTexts.response(200, "OK", to: relayed, tag: "o", contact: "<sip:s@192.168.0.2:5060>"), on: .inside)
        #expect(answer.map(\.status) == [200])
        #expect(answer[0].uri(.contact).hasPrefix("sip:s@203.0.113.1:5060;sp=d"))
        proxy.expectNothingLeft()
    }

    @Test func `OPTIONS to a trunk is relayed; OPTIONS to us from inside is answered`() throws {
        let proxy = ProxyHarness()
        let sent = proxy.receive(
            options("sip:192.168.0.1:5060", via: "192.168.0.2:5060", from: "sip:1000@192.168.0.2"), on: .inside)
        #expect(sent.map(\.status) == [200] && sent[0].side == .inside)
    }

    @Test func `no REGISTER, no trunk: OPTIONS of a host that is no PBX teaches nothing`() throws {
        let proxy = ProxyHarness()
        let host = ProxyHarness.address("192.168.0.77:5060")
        let text = options("sip:203.0.113.10", via: "192.168.0.77:5060", from: "sip:x@192.168.0.77")
        let sent = try #require(proxy.receive(text, on: .inside, from: host).first)
        proxy.receive(CallTexts.response(200, "OK", to: sent, tag: "o"), on: .outside)
        #expect(proxy.core.trunkSummaries.isEmpty)
    }

    @Test func `what another inside host registered at reaches its Contacts, not the PBX`() throws {
        let proxy = ProxyHarness()
        let host = ProxyHarness.address("192.168.0.77:5060")
        let text = CallTexts.register(contact: "<sip:phone@192.168.0.77:5060>", user: "phone")
        let request = try #require(proxy.receive(text, on: .inside, from: host).first)
        let ok = CallTexts.response(200, "OK", to: request, tag: "t", contact: request.header(.contact))
        proxy.receive(ok, on: .outside)
        let mine = proxy.receive(invite("sip:phone@203.0.113.1"), on: .outside)
        #expect(mine.map(\.requestURI) == ["sip:phone@192.168.0.77:5060"])
        let other = CallTexts.inboundINVITE(uri: "sip:8005551212@203.0.113.1", branch: "z9hG4bKother")
        let sent = proxy.receive(other, on: .outside)
        #expect(sent.map(\.to) == [host])
        // A PBX that registers there as well makes it a trunk of the PBX.
        try proxy.register(branch: "z9hG4bKpbx")
        let third = CallTexts.inboundINVITE(uri: "sip:8005551212@203.0.113.1", branch: "z9hG4bKthird")
        #expect(proxy.receive(third, on: .outside).map(\.to) == [ProxyHarness.pbx])
    }

    @Test func `a redirect's third party passes, an inside one is hidden`() throws {
        let (proxy, uri) = try registered()
        let sent = try #require(proxy.receive(invite(uri), on: .outside).first)
        let text = CallTexts.response(
            302, "Moved", to: sent, tag: "m", contact: "<sip:x@192.0.2.50>, <sip:2000@192.168.0.2:5060>")
        let moved = proxy.receive(text, on: .inside).filter { $0.side == .outside }
        #expect(moved.map(\.status) == [302])
        #expect(moved[0].values(.contact).first == "<sip:x@192.0.2.50>")
        #expect(moved[0].values(.contact).last?.hasPrefix("<sip:2000@203.0.113.1:5060;sp=d") == true)
    }

    private func options(
        _ uri: String, branch: String = "z9hG4bKo1", via: String = "203.0.113.10:5060",
        from: String = "sip:ping@203.0.113.10"
    ) -> String {
        CallTexts.request(
            "OPTIONS \(uri) SIP/2.0",
            """
            Via: SIP/2.0/UDP \(via);rport;branch=\(branch)
            From: <\(from)>;tag=o
            To: <\(uri)>
            Call-ID: options-\(branch)
            CSeq: 1 OPTIONS
            Max-Forwards: 70
            """, nil)
    }

    /// ``CallTexts`` drops leading blanks; a folded line needs its own.
    private func wireLines(_ text: String) -> String { text.replacing("\nfolded", with: "\n folded") }
}
