import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Calls of remote phones and to them: everything goes by their flows (RFC 5626 §5.3).
@Suite struct RemotePhoneCallTests {
    @Test func `a phone calls: the dialog's requests go by the tokens, whatever the phone's Contact says`() throws {
        let bench = PhoneBench()
        try bench.registered()
        let text = bench.request(callID: "c1", body: CallTexts.sdp("10.0.0.2", 4000))
        let invite = try #require(bench.receive(text, from: PhoneBench.home).first)
        #expect(invite.start == "INVITE sip:tone@pbx.example SIP/2.0" && invite.to == ProxyHarness.pbx)
        #expect(invite.text.contains("X-Sallyport-Trunk: phones\r\n"))
        let routes = invite.values(.recordRoute)
        #expect(routes.count == 2 && routes[0].hasPrefix("<sip:192.168.0.1:5060;lr;r2=on;sp=h"))
        let ok = try #require(
            bench.fromPBX(
                CallTexts.response(
                    200, "OK", to: invite, tag: "pbx", contact: "<sip:tone@192.168.0.2:5060>", body: CallTexts.sdpInside
                )
            ).first)
        #expect(ok.to == PhoneBench.home && ok.uri(.contact).hasPrefix("sip:tone@203.0.113.1:5060;sp=d"))
        let back = ok.values(.recordRoute).reversed().map { "Route: \($0)" }.joined(separator: "\n")
        let ack = CallTexts.inDialog(
            "ACK", uri: ok.uri(.contact), routes: ok.values(.recordRoute).reversed(), from: invite.header(.from),
            to: ok.header(.to), callID: "c1", cSeq: 1, branch: "z9hG4bKack", via: "10.0.0.2:5070")
        let acked = bench.receive(ack, from: PhoneBench.home)
        #expect(acked.map(\.requestURI) == ["sip:tone@192.168.0.2:5060"] && acked.map(\.side) == [.inside])
        #expect(!back.isEmpty)
        let bye = bench.fromPBX(pbxBYE(invite, ok))
        #expect(bye.map(\.to) == [PhoneBench.home] && bye.map(\.requestURI) == ["sip:home@10.0.0.2:5070"])
        #expect(bye.first?.values(.route).isEmpty == true)
        bench.receive(CallTexts.response(200, "OK", to: bye[0]), from: PhoneBench.home)
        #expect(bench.proxy.core.callCount == 0)
    }

    /// The PBX's BYE in a call that the phone made.
    private func pbxBYE(_ invite: Sent, _ ok: Sent) -> String {
        CallTexts.inDialog(
            "BYE", uri: invite.uri(.contact), routes: invite.values(.recordRoute), from: ok.header(.to),
            to: invite.header(.from), callID: invite.header(.callID), cSeq: 9, branch: "z9hG4bKbye",
            via: "192.168.0.2:5060")
    }

    @Test(arguments: [PhoneSettings.Contact.path, .parameter])
    func `the PBX calls a phone: on its flow, to its own Contact, byte for byte`(mode: PhoneSettings.Contact) throws {
        let bench = PhoneBench(mode)
        let contact = "sip:home@192.168.0.50:5070;line=a;ob"
        // The phone's network looks like ours: its own address is none of our inside.
        bench.proxy.scansOutside = false
        let request = try bench.registered(contact: "<\(contact)>").request
        try bench.registered("desk", from: PhoneBench.desk)
        let invite = try #require(bench.fromPBX(bench.call(request, mode)).first)
        #expect(invite.to == PhoneBench.home && invite.side == .outside && invite.requestURI == contact)
        #expect(invite.values(.route).isEmpty && !invite.text.contains("X-Sallyport-Trunk"))
        #expect(invite.uri(.contact).hasPrefix("sip:home@203.0.113.1:5060;sp=d"))
        let ok = try #require(
            bench.receive(
                CallTexts.response(
                    200, "OK", to: invite, tag: "phone", contact: "<\(contact)>", body: CallTexts.sdp("10.0.0.2", 4000)),
                from: PhoneBench.home
            ).first)
        #expect(ok.side == .inside && ok.uri(.contact) == contact)
        let bye = CallTexts.inDialog(
            "BYE", uri: contact, routes: ok.values(.recordRoute).reversed(), from: ok.header(.from),
            to: ok.header(.to), callID: ok.header(.callID), cSeq: 2, branch: "z9hG4bKb", via: "192.168.0.2:5060")
        #expect(bench.fromPBX(bye).map(\.to) == [PhoneBench.home])
    }

    @Test func `media of a phone is that of a peer behind NAT`() throws {
        let bench = PhoneBench()
        let request = try bench.registered().request
        bench.receive(bench.request(callID: "m1", body: CallTexts.sdp("10.0.0.2", 4000)), from: PhoneBench.home)
        _ = bench.fromPBX(bench.call(request, .path, callID: "m2"))
        #expect(bench.proxy.media.peers.filter { $0.side == .outside }.map(\.isNAT) == [true, true])
        #expect(
            bench.proxy.media.peers.filter { $0.side == .outside }.map(\.signallingAddress.description)
                == [PhoneBench.nat, PhoneBench.nat])
        #expect(bench.proxy.media.peers.filter { $0.side == .inside }.map(\.isNAT) == [false, false])
    }

    @Test(arguments: [PhoneSettings.Contact.path, .parameter])
    func `the NAT gives the phone another port: calls go on there, new ones too, and the old Path is dead`(
        mode: PhoneSettings.Contact
    ) throws {
        let bench = PhoneBench(mode)
        let first = try bench.registered().request
        let invite = try #require(bench.fromPBX(bench.call(first, mode, callID: "moved")).first)
        let ok = try #require(
            bench.receive(
                CallTexts.response(
                    200, "OK", to: invite, tag: "phone", contact: "<sip:home@10.0.0.2:5070>",
                    body: CallTexts.sdp("10.0.0.2", 4000)), from: PhoneBench.home
            ).first)
        let moved = ProxyHarness.address("\(PhoneBench.nat):50505")
        let second = try bench.registered(from: moved).request
        #expect(bench.proxy.core.phoneBindings.map(\.flow.peer) == [moved])
        if mode == .path {
            #expect(second.header(.path) != first.header(.path))
        } else {
            #expect(second.header(.contact) == first.header(.contact), "bindings must not pile up at the PBX")
        }
        let bye = CallTexts.inDialog(
            "BYE", uri: ok.uri(.contact), routes: ok.values(.recordRoute).reversed(), from: ok.header(.from),
            to: ok.header(.to), callID: "moved", cSeq: 2, branch: "z9hG4bKb", via: "192.168.0.2:5060")
        #expect(bench.fromPBX(bye).map(\.to) == [moved])
        #expect(bench.fromPBX(bench.call(second, mode)).map(\.to) == [moved])
        if mode == .path { #expect(bench.fromPBX(bench.call(first, mode)).map(\.status) == [430]) }
        #expect(bench.receive(bench.request(), from: PhoneBench.home).isEmpty, "nobody is there any more")
    }

    @Test func `after a restart a dialog never seen goes by the token, to where the phone is now`() throws {
        let bench = PhoneBench()
        let request = try bench.registered().request
        let invite = try #require(bench.fromPBX(bench.call(request, .path, callID: "old")).first)
        let ok = try #require(
            bench.receive(
                CallTexts.response(200, "OK", to: invite, tag: "phone", contact: "<sip:home@10.0.0.2:5070>"),
                from: PhoneBench.home
            ).first)
        let bye = CallTexts.inDialog(
            "BYE", uri: ok.uri(.contact), routes: ok.values(.recordRoute).reversed(), from: ok.header(.from),
            to: ok.header(.to), callID: "old", cSeq: 2, branch: "z9hG4bKb", via: "192.168.0.2:5060")
        let later = PhoneBench()
        #expect(later.fromPBX(bye).map(\.to) == [PhoneBench.home], "a flow token needs no binding")
        let moved = ProxyHarness.address("\(PhoneBench.nat):50505")
        let third = PhoneBench()
        for update in bench.proxy.updates { third.proxy.core.apply(update) }
        try third.registered(from: moved)
        #expect(third.fromPBX(bye).map(\.to) == [moved])
    }

    @Test func `a connection is the flow: where it has ended the PBX gets 430, and a call goes on with the next one`()
        throws
    {
        let bench = PhoneBench()
        let contact = "<sip:home@10.0.0.2:5070;transport=tcp>;reg-id=1;+sip.instance=\"<urn:uuid:7>\""
        let request = try bench.registered(contact: contact, by: .tcp, connection: 77).request
        #expect(request.header(.path).contains(";lr;ob;sp=f"))
        let invite = try #require(bench.fromPBX(bench.call(request, .path, callID: "tcp")).first)
        #expect(invite.to == PhoneBench.home && invite.transport == .tcp)
        let ok = try #require(
            bench.receive(
                CallTexts.response(200, "OK", to: invite, tag: "phone", contact: "<sip:home@10.0.0.2:5070>"),
                from: PhoneBench.home, by: .tcp, connection: 77
            ).first)
        bench.proxy.core.connectionEnded(
            Flow(listener: ListenerID(5), peer: PhoneBench.home, connection: 77), at: bench.proxy.now)
        _ = bench.proxy.drain()
        #expect(bench.proxy.core.phoneBindings.isEmpty)
        #expect(bench.fromPBX(bench.call(request, .path)).map(\.status) == [430])
        let again = ProxyHarness.address("\(PhoneBench.nat):40077")
        let late = bench.request(transport: "TCP")
        #expect(bench.receive(late, from: PhoneBench.home, by: .tcp, connection: 77).map(\.status) == [403])
        try bench.registered(from: again, contact: contact, by: .tcp, connection: 78)
        let bye = CallTexts.inDialog(
            "BYE", uri: ok.uri(.contact), routes: ok.values(.recordRoute).reversed(), from: ok.header(.from),
            to: ok.header(.to), callID: "tcp", cSeq: 2, branch: "z9hG4bKb", via: "192.168.0.2:5060")
        #expect(bench.fromPBX(bye).map(\.to) == [again])
    }

    @Test func `a flow that the transport refuses is 430 too, and no target is said to be down`() throws {
        let bench = PhoneBench()
        let request = try bench.registered().request
        _ = bench.fromPBX(bench.call(request, .path))
        bench.proxy.core.transportFailed(Flow(listener: ListenerID(1), peer: PhoneBench.home), at: bench.proxy.now)
        #expect(bench.proxy.drain().map(\.status) == [430])
        #expect(!bench.proxy.events.contains { if case .target = $0 { true } else { false } })
    }

    @Test func `the PBX's OPTIONS reach the phone, and what they get makes it no trunk`() throws {
        let bench = PhoneBench()
        let request = try bench.registered().request
        let qualify = bench.request(
            "OPTIONS", "sip:home@10.0.0.2:5070", from: "sip:pbx@192.168.0.2", via: "192.168.0.2:5060",
            route: request.route)
        let options = try #require(bench.fromPBX(qualify).first)
        #expect(options.to == PhoneBench.home)
        let answers = bench.receive(CallTexts.response(200, "OK", to: options, tag: "p"), from: PhoneBench.home)
        #expect(answers.map(\.status) == [200] && answers.map(\.side) == [.inside])
        #expect(bench.proxy.core.trunkSummaries.isEmpty)
    }

    @Test func `a registered phone asks us: 200; others in the domain are the PBX's`() throws {
        let bench = PhoneBench()
        try bench.registered()
        for uri in ["sip:pbx.example", "sip:203.0.113.1"] {
            let answers = bench.receive(bench.request("OPTIONS", uri), from: PhoneBench.home)
            #expect(answers.map(\.status) == [200] && answers.map(\.to) == [PhoneBench.home])
        }
        #expect(
            bench.receive(bench.request("OPTIONS", "sip:desk@pbx.example"), from: PhoneBench.home).map(\.to)
                == [ProxyHarness.pbx])
    }

    @Test func `a phone with us as its outbound proxy, by name or address, is understood`() throws {
        let bench = PhoneBench()
        try bench.registered()
        for route in ["Route: <sip:pbx.example;lr>", "Route: <sip:203.0.113.1:5060;lr>"] {
            let sent = bench.receive(bench.request(route: route), from: PhoneBench.home)
            #expect(sent.map(\.to) == [ProxyHarness.pbx] && sent.first?.values(.route).isEmpty == true)
        }
    }

    @Test func `a Request-URI with our own address is the PBX's`() throws {
        let bench = PhoneBench(change: { $0.phones?.domains = ["pbx.example"] })
        try bench.registered()
        let sent = bench.receive(bench.request("INVITE", "sip:tone@203.0.113.1"), from: PhoneBench.home)
        #expect(sent.map(\.requestURI) == ["sip:tone@192.168.0.2"])
    }

    @Test func `BYE of ours goes to the phone's flow`() throws {
        let bench = PhoneBench()
        try bench.registered()
        let invite = try #require(
            bench.receive(bench.request(callID: "x", body: CallTexts.sdp("10.0.0.2", 4000)), from: PhoneBench.home)
                .first)
        _ = bench.fromPBX(
            CallTexts.response(
                200, "OK", to: invite, tag: "pbx", contact: "<sip:tone@192.168.0.2:5060>", body: CallTexts.sdpInside))
        bench.proxy.core.mediaSilent(session: 1, at: bench.proxy.now)
        let byes = bench.proxy.drain().filter { $0.method == .bye }
        #expect(Set(byes.map(\.to)) == [PhoneBench.home, ProxyHarness.pbx])
    }
}
