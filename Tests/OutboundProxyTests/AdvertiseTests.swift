import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// The outside behind 1:1 NAT, or with a changing address: what the world is told is not where sockets are bound.
@Suite struct AdvertiseTests {
    /// An outside that is known by an address, or by a name that has none yet.
    private func proxy(
        _ advertised: String? = "198.51.100.9",
        trunks: [TrunkSettings] = [TrunkSettings(name: "itsp", domain: "203.0.113.10")]
    ) -> ProxyHarness {
        let proxy = ProxyHarness(trunks: trunks) {
            $0.listeners[1] = Listener(
                id: ListenerID(1), side: .outside, transport: .udp, local: ProxyHarness.address("172.16.0.2:5060"),
                advertised: advertised.map { ProxyHarness.address($0 + ":5060") }, isAnnounced: advertised != nil)
            $0.advertisedName = advertised == nil ? "edge.example.org" : nil
        }
        return proxy
    }

    private func known(_ proxy: ProxyHarness, by addresses: String...) {
        proxy.core.advertise(addresses.compactMap { IPAddress($0) })
    }

    @Test func `Via, Record-Route and Contact name the advertised address, and what names it is ours`() throws {
        let proxy = proxy()
        var call = try proxy.callOut()
        #expect(call.invite.values(.via)[0].hasPrefix("SIP/2.0/UDP 198.51.100.9:5060;"))
        #expect(call.invite.values(.recordRoute)[0].hasPrefix("<sip:198.51.100.9:5060;lr;sp="))
        #expect(call.invite.uri(.contact).hasPrefix("sip:asterisk@198.51.100.9:5060;sp="))
        #expect(!call.invite.text.contains("172.16.0.2"))
        let info = proxy.receive(call.itsp.request("INFO"), on: .outside)
        #expect(info.map(\.to) == [ProxyHarness.pbx] && info[0].values(.route).isEmpty)
        let (request, response) = try proxy.register()
        #expect(request.uri(.contact).hasPrefix("sip:s@198.51.100.9:5060;sp="))
        #expect(response.values(.contact) == ["<sip:s@192.168.0.2:5060;line=vtqvcuo>;expires=3600"])
        for host in ["198.51.100.9", "198.51.100.9:5060", "172.16.0.2", "[::ffff:198.51.100.9]"] {
            let invite = proxy.receive(
                CallTexts.inboundINVITE(uri: "sip:1000@\(host)", branch: "z9hG4bK\(host.count)", callID: host),
                on: .outside)
            #expect(invite.map(\.to) == [ProxyHarness.pbx], "\(host)")
        }
    }

    @Test func `until its name has an address nothing leaves, and the PBX is told to try again`() throws {
        let proxy = proxy(nil)
        for text in [CallTexts.outboundINVITE(), CallTexts.register()] {
            let sent = proxy.receive(text, on: .inside)
            #expect(sent.map(\.status) == [503] && sent.map(\.to) == [ProxyHarness.pbx])
            #expect(sent[0].text.contains("Retry-After: "))
        }
        let called = proxy.receive(CallTexts.inboundINVITE(uri: "sip:1000@172.16.0.2"), on: .outside)
        #expect(called.map(\.status) == [503])
        let options = CallTexts.request(
            "OPTIONS sip:192.168.0.1 SIP/2.0",
            "Via: SIP/2.0/UDP 192.168.0.2:5060;rport;branch=z9hG4bKo\nFrom: <sip:a@b>;tag=1\nTo: <sip:192.168.0.1>\n"
                + "Call-ID: o\nCSeq: 1 OPTIONS\nMax-Forwards: 70", nil)
        #expect(proxy.receive(options, on: .inside).map(\.status) == [200])
        proxy.advance(.seconds(40))
        known(proxy, by: "198.51.100.9")
        let call = try proxy.callOut()
        #expect(call.invite.values(.via)[0].hasPrefix("SIP/2.0/UDP 198.51.100.9:5060;"))
    }

    @Test func `the name itself is ours, with the port of a listener`() {
        let proxy = proxy(nil)
        known(proxy, by: "198.51.100.9")
        for (number, host) in ["edge.example.org", "EDGE.Example.org:5060", "198.51.100.9"].enumerated() {
            let invite = CallTexts.inboundINVITE(
                uri: "sip:1000@\(host)", branch: "z9hG4bK\(number)", callID: "\(number)")
            #expect(proxy.receive(invite, on: .outside).map(\.to) == [ProxyHarness.pbx], "\(host)")
        }
        for (number, host) in ["edge.example.org:5999", "edge.example.net", "xedge.example.org"].enumerated() {
            let invite = CallTexts.inboundINVITE(
                uri: "sip:1000@\(host)", branch: "z9hG4bKx\(number)", callID: "x\(number)")
            #expect(proxy.receive(invite, on: .outside).map(\.status) == [403], "\(host)")
        }
    }

    @Test func `a new address is told from now on, and calls of before go on in both directions`() throws {
        let proxy = proxy()
        var call = try proxy.callOut()
        known(proxy, by: "198.51.100.10")
        let info = proxy.receive(call.itsp.request("INFO"), on: .outside)
        #expect(info.map(\.to) == [ProxyHarness.pbx] && info[0].values(.route).isEmpty)
        let body = CallTexts.sdpInside
        let invite = try #require(proxy.receive(call.pbx.request("INVITE", body: body), on: .inside).first)
        #expect(invite.to == ProxyHarness.itsp && invite.values(.route) == ["<sip:203.0.113.10;lr>"])
        #expect(invite.values(.via)[0].hasPrefix("SIP/2.0/UDP 198.51.100.10:5060;"))
        #expect(invite.uri(.contact).hasPrefix("sip:asterisk@198.51.100.10:5060;sp="))
        let later = try proxy.callOut(callID: "later", branch: "z9hG4bKlater")
        #expect(later.invite.values(.recordRoute)[0].hasPrefix("<sip:198.51.100.10:5060;"))
        #expect(!later.invite.text.contains("198.51.100.9"))
    }

    @Test func `the answer to what left before the change still comes to us`() throws {
        let proxy = proxy()
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        known(proxy, by: "198.51.100.10")
        let ringing = CallTexts.response(180, "Ringing", to: invite, tag: "b", contact: ProxyHarness.itspContact)
        #expect(proxy.receive(ringing, on: .outside).map(\.status) == [180])
    }

    @Test func `four former addresses of a family are still ours, an older one is not`() {
        let proxy = proxy()
        for last in 10...14 { known(proxy, by: "198.51.100.\(last)", "2001:db8::\(last)") }
        for (last, isOurs) in [(9, false), (10, true), (13, true), (14, true), (15, false)] {
            let address = ProxyHarness.address("198.51.100.\(last):5060")
            #expect(proxy.core.identities.isOurs(address) == isOurs, "\(last)")
        }
        #expect(proxy.core.identities.isOurs(ProxyHarness.address("[2001:db8::10]:5060")))
        #expect(!proxy.core.identities.isOurs(ProxyHarness.address("198.51.100.13:5061")))
    }

    @Test func `an address that returns is no former one`() {
        let proxy = proxy()
        known(proxy, by: "198.51.100.10")
        known(proxy, by: "198.51.100.9")
        for last in 20...23 { known(proxy, by: "198.51.100.\(last)") }
        #expect(proxy.core.identities.isOurs(ProxyHarness.address("198.51.100.9:5060")))
    }

    @Test func `a family that the name says nothing of keeps its own address`() throws {
        let proxy = proxy(nil)
        known(proxy, by: "198.51.100.9")
        let text = CallTexts.outboundINVITE(uri: "sip:tone@[2001:db8:113::10]")
        let invite = try #require(proxy.receive(text, on: .inside).first)
        #expect(invite.values(.via)[0].hasPrefix("SIP/2.0/UDP [2001:db8:113::1]:5060;"))
    }
}
