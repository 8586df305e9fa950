import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Each next hop has its transport, and what we say about ourselves has that transport's identity (RFC 3263 §4.1).
@Suite struct TransportTests {
    private func proxy(_ trunks: [TrunkSettings] = [], pbxs: [PBXSettings]? = nil) -> ProxyHarness {
        ProxyHarness(pbxs: pbxs ?? [PBXSettings(host: "192.168.0.2", port: 5060)], trunks: trunks) {
            $0.listeners += ProxyHarness.streams
        }
    }

    private static func invite(_ uri: String) -> String { CallTexts.outboundINVITE(uri: uri) }

    @Test(
        arguments: [
            ("sip:a@203.0.113.10", nil, "udp:203.0.113.10:5060"),
            ("sip:a@203.0.113.10;transport=tcp", nil, "tcp:203.0.113.10:5060"),
            ("sip:a@203.0.113.10:5070;transport=TCP", .udp, "tcp:203.0.113.10:5070"),
            ("sip:a@203.0.113.10", .tcp, "tcp:203.0.113.10:5060"),
            ("sip:a@203.0.113.10;transport=udp", .tcp, "udp:203.0.113.10:5060"),
        ] as [(String, TransportProtocol?, String)])
    func `an address: the URI says the transport, else the trunk, else UDP`(
        uri: String, trunk: TransportProtocol?, target: String
    ) {
        let proxy = proxy([TrunkSettings(name: "t", domain: "203.0.113.10", transport: trunk)])
        #expect(proxy.receive(Self.invite(uri), on: .inside).targets == [Targets.target(target)])
    }

    @Test(arguments: [
        ("sip:a@203.0.113.10;transport=tcp", "No TCP Transport"), ("sips:a@203.0.113.10", "No TLS Transport"),
        ("sips:a@203.0.113.10;transport=tcp", "No TLS Transport"), ("sip:a@itsp.example;transport=tls", "No TLS"),
    ])
    func `a transport that we do not speak there: 503 with Retry-After`(uri: String, reason: String) {
        let sent = ProxyHarness().receive(Self.invite(uri), on: .inside)
        #expect(sent.statuses == [503] && sent[0].start.contains(reason) && sent[0].header(.retryAfter) == "10")
    }

    @Test func `a name is asked for with what we speak on that side`() throws {
        let both = proxy()
        _ = both.receive(Self.invite("sip:a@ITSP.Example."), on: .inside)
        #expect(
            both.locating == [
                LocationQuery(host: "itsp.example", transports: [.tcp, .udp], families: [.v4, .v6])
            ])
        let demanded = proxy()
        _ = demanded.receive(Self.invite("sip:a@itsp.example:5070;transport=tcp"), on: .inside)
        #expect(
            demanded.locating == [
                LocationQuery(
                    host: "itsp.example", port: 5070, transport: .tcp, transports: [.tcp], families: [.v4, .v6])
            ])
        let datagrams = ProxyHarness { $0.listeners.removeLast() }
        _ = datagrams.receive(Self.invite("sip:a@itsp.example"), on: .inside)
        #expect(
            datagrams.locating == [LocationQuery(host: "itsp.example", transports: [.udp], families: [.v4])])
    }

    @Test func `a call over TCP: Via, Record-Route and Contact say so, and all of its requests stay there`() throws {
        let proxy = proxy()
        let invite = try #require(
            proxy.receive(Self.invite("sip:tone@203.0.113.10;transport=tcp"), on: .inside).first)
        #expect(invite.transport == .tcp && invite.values(.via)[0].hasPrefix("SIP/2.0/TCP 203.0.113.1:5060"))
        #expect(invite.values(.recordRoute)[0].hasPrefix("<sip:203.0.113.1:5060;transport=tcp;lr;sp="))
        let ok = try #require(
            proxy.answer(200, to: invite, contact: "<sip:tone@203.0.113.10;transport=tcp>").first)
        var pbx = Dialog(
            side: .inside, source: ProxyHarness.pbx, local: ok.header(.from), remote: ok.header(.to), callID: "call-1",
            target: ok.uri(.contact), routes: Array(ok.values(.recordRoute).reversed()), cSeq: 1,
            contact: ProxyHarness.pbxContact)
        #expect(proxy.receive(pbx.request("ACK", cSeq: 1), on: .inside).map(\.transport) == [.tcp])
        #expect(proxy.advance(.seconds(40)).isEmpty)
        // The ITSP's BYE comes by TCP and goes on by UDP; ours goes to each as it spoke.
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        let byes = proxy.drain()
        #expect(byes.outside.map(\.transport) == [.tcp] && byes.inside.map(\.transport) == [.udp])
        #expect(byes.outside[0].values(.via)[0].hasPrefix("SIP/2.0/TCP 203.0.113.1:5060"))
    }

    @Test func `a PBX that came by TCP: the route token brings the dialog back to it by TCP`() throws {
        let proxy = proxy()
        let text = Self.invite("sip:tone@203.0.113.10")
            .replacing("SIP/2.0/UDP 192.168.0.2", with: "SIP/2.0/TCP 192.168.0.2")
            .replacing("<sip:asterisk@192.168.0.2:5060>", with: "<sip:asterisk@pbx.example>")
        let invite = try #require(proxy.receive(text, on: .inside, by: .tcp).first)
        #expect(invite.transport == .udp)
        let ok = try #require(proxy.answer(200, to: invite, contact: "<sip:tone@203.0.113.10>").first)
        #expect(ok.values(.recordRoute)[1] == "<sip:192.168.0.1:5060;transport=tcp;lr;r2=on>")
        let itsp = Dialog(
            side: .outside, source: ProxyHarness.itsp, local: "<sip:tone@203.0.113.10>;tag=b",
            remote: invite.header(.from), callID: "call-1", target: invite.uri(.contact),
            routes: invite.values(.recordRoute), cSeq: 1, contact: ProxyHarness.itspContact)
        // After a restart only the token knows.
        var restarted = itsp
        let bye = self.proxy().receive(restarted.request("BYE"), on: .outside)
        #expect(bye.map(\.transport) == [.tcp] && bye.map(\.to) == [ProxyHarness.pbx])
    }

    @Test func `no retransmission over TCP, one branch per try, 408 at timer B`() throws {
        let proxy = proxy()
        _ = proxy.receive(Self.invite("sip:tone@203.0.113.10;transport=tcp"), on: .inside)
        #expect(proxy.advance(.seconds(31)).outside.isEmpty)
        #expect(proxy.advance(.seconds(2)).inside.statuses.first == 408)
    }

    @Test func `a BYE from outside that names the PBX's transport goes by it`() throws {
        let proxy = proxy()
        let text = Self.invite("sip:tone@203.0.113.10")
            .replacing("<sip:asterisk@192.168.0.2:5060>", with: "<sip:asterisk@192.168.0.2:5060;transport=tcp>")
        let invite = try #require(proxy.receive(text, on: .inside, by: .tcp).first)
        proxy.answer(200, to: invite)
        var itsp = Dialog(
            side: .outside, source: ProxyHarness.itsp, local: "<sip:tone@203.0.113.10>;tag=itsp",
            remote: invite.header(.from), callID: "call-1", target: invite.uri(.contact),
            routes: invite.values(.recordRoute), cSeq: 1, contact: ProxyHarness.itspContact)
        #expect(proxy.receive(itsp.request("BYE"), on: .outside).map(\.transport) == [.tcp])
    }

    // MARK: Families

    @Test func `another family after a failure: the same offer anchored anew, for its own leg`() throws {
        let proxy = proxy()
        let six = Targets.target("udp:[2001:db8:113::10]:5060")
        let first = try #require(proxy.send(Targets.invite(), Targets.location(six, Targets.first)).first)
        #expect(first.target == six && first.values(.via)[0].contains("[2001:db8:113::1]"))
        let second = try #require(proxy.refuse(first).last)
        #expect(second.target == Targets.first && second.values(.via)[0].contains("203.0.113.1:5060"))
        #expect(second.uri(.contact).contains("@203.0.113.1:5060"))
        let offers = proxy.media.events.filter { event in
            switch event {
            case .offer, .rollback: true
            default: false
            }
        }
        #expect(offers == [.offer(1, fromCaller: true), .offer(2, fromCaller: true)])
        #expect(proxy.answer(200, to: second).statuses == [200] && proxy.core.callCount == 1)
        #expect(proxy.media.open == [2])
    }

    @Test func `a late 2xx from the family that was left is heard, by the media that it was offered`() throws {
        let proxy = proxy()
        let six = Targets.target("udp:[2001:db8:113::10]:5060")
        let first = try #require(proxy.send(Targets.invite(), Targets.location(six, Targets.first)).first)
        let second = try #require(proxy.advance(.seconds(4)).outside.last)
        let sent = proxy.answer(200, to: first, tag: "late")
        #expect(sent.inside.statuses == [200] && proxy.media.open == [1])
        // The other one is hung up, should it answer, too.
        let loser = proxy.answer(200, to: second)
        #expect(loser.map(\.method) == [.ack, .bye] && loser.targets == [Targets.first, Targets.first])
    }

    @Test func `no family answers: no relay session is left`() throws {
        let proxy = proxy()
        let six = Targets.target("udp:[2001:db8:113::10]:5060")
        _ = proxy.send(Targets.invite(), Targets.location(six, Targets.first))
        _ = proxy.advance(.seconds(5))
        #expect(proxy.media.open.count == 2)
        proxy.advance(.seconds(40))
        #expect(proxy.media.open.isEmpty && proxy.core.callCount == 0)
    }
}
