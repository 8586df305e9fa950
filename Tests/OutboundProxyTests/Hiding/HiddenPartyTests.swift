import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// The inside's own host in From and To (design §3): the outside knows another one for the whole dialog, and the PBX
/// never learns of it.
@Suite struct HiddenPartyTests {
    static let outsideForm = "\"1000\" <sip:1000@203.0.113.1>;tag=pbx"

    @Test func `the ITSP sees our host, and each response has what the PBX wrote`() throws {
        let proxy = ProxyHarness()
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        #expect(invite.header(.from) == Self.outsideForm)
        for status in [180, 183, 200] {
            let text = CallTexts.response(status, "X", to: invite, tag: "b", contact: ProxyHarness.itspContact)
            let answer = try #require(proxy.receive(text, on: .outside).first { $0.status == status })
            #expect(answer.header(.from) == ProxyHarness.pbxIdentity)
            #expect(answer.header(.to) == "<sip:tone@203.0.113.10>;tag=b")
            #expect(answer.header(.callID) == "call-1")
        }
        // A 2xx that comes again, when the request has been forgotten.
        let text = CallTexts.response(200, "X", to: invite, tag: "b", contact: ProxyHarness.itspContact)
        let again = try #require(proxy.receive(text, on: .outside).first { $0.status == 200 })
        #expect(again.header(.from) == ProxyHarness.pbxIdentity)
        #expect(again.values(.via).count == 1 && again.values(.via)[0].contains("z9hG4bKpbx1"))
    }

    @Test func `a refusal has what the PBX wrote, and its ACK what the ITSP knows`() throws {
        let proxy = ProxyHarness()
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        let sent = proxy.receive(CallTexts.response(486, "Busy Here", to: invite, tag: "b"), on: .outside)
        let (ack, busy) = (
            try #require(sent.first { $0.method == .ack }), try #require(sent.first { $0.status == 486 })
        )
        #expect(ack.header(.from) == Self.outsideForm && busy.header(.from) == ProxyHarness.pbxIdentity)
    }

    @Test(arguments: ["From", "To"], ["192.168.0.77", "192.168.0.2:5070", "[fd00:168::9]"])
    func `hosts that are hidden, with and without a port`(name: String, host: String) throws {
        let proxy = ProxyHarness()
        let text = CallTexts.outboundINVITE()
            .replacing(
                "From: \"1000\" <sip:1000@192.168.0.2>", with: "From: <sip:a@\(name == "From" ? host : "x.org")>"
            )
            .replacing("To: <sip:tone@203.0.113.10>", with: "To: sip:b@\(name == "To" ? host : "y.org")")
        let invite = try #require(proxy.receive(text, on: .inside).first)
        #expect(invite.header(.from) == "<sip:a@\(name == "From" ? "203.0.113.1" : "x.org")>;tag=pbx")
        #expect(invite.header(.to) == "sip:b@\(name == "To" ? "203.0.113.1" : "y.org")")
        let answer = proxy.receive(CallTexts.response(180, "Ringing", to: invite, tag: "b"), on: .outside)
        #expect(answer.first?.header(.from) == "<sip:a@\(name == "From" ? host : "x.org")>;tag=pbx")
        #expect(answer.first?.header(.to) == "sip:b@\(name == "To" ? host : "y.org");tag=b")
    }

    @Test func `a parameter of the URI that tells of the inside stays there`() throws {
        let proxy = ProxyHarness()
        let to = "<sip:tone@203.0.113.10;x-ast-orig-host=192.168.0.1:5060;user=phone>"
        let text = CallTexts.outboundINVITE().replacing("To: <sip:tone@203.0.113.10>", with: "To: \(to)")
        let invite = try #require(proxy.receive(text, on: .inside).first)
        #expect(invite.header(.to) == "<sip:tone@203.0.113.10;user=phone>")
        let answer = proxy.receive(CallTexts.response(180, "Ringing", to: invite, tag: "b"), on: .outside)
        #expect(answer.first?.header(.to) == to + ";tag=b")
    }

    @Test func `both directions of a call that began inside, with a To that is hidden as well`() throws {
        let proxy = ProxyHarness()
        let to = "To: <sip:tone@192.168.0.1>"
        let text = CallTexts.outboundINVITE().replacing("To: <sip:tone@203.0.113.10>", with: to)
        let invite = try #require(proxy.receive(text, on: .inside).first)
        let ok = try #require(
            proxy.receive(
                CallTexts.response(
                    200, "OK", to: invite, tag: "itsp", contact: ProxyHarness.itspContact, body: CallTexts.sdpOutside),
                on: .outside
            ).first)
        #expect(ok.header(.to) == "<sip:tone@192.168.0.1>;tag=itsp")
        var pbx = Dialog(
            side: .inside, source: ProxyHarness.pbx, local: ok.header(.from), remote: ok.header(.to), callID: "call-1",
            target: ok.uri(.contact), routes: ok.values(.recordRoute).reversed(), cSeq: 1,
            contact: ProxyHarness.pbxContact)
        let outer = invite.header(.to) + ";tag=itsp"
        var itsp = Dialog(
            side: .outside, source: ProxyHarness.itsp, local: outer, remote: invite.header(.from), callID: "call-1",
            target: invite.uri(.contact), routes: invite.values(.recordRoute), cSeq: 9,
            contact: ProxyHarness.itspContact)
        let ack = try #require(proxy.receive(pbx.request("ACK", cSeq: 1), on: .inside).first)
        #expect(ack.header(.from) == invite.header(.from) && ack.header(.to) == outer)
        let info = try #require(proxy.receive(itsp.request("INFO"), on: .outside).first)
        #expect(info.header(.from) == ok.header(.to) && info.header(.to) == ok.header(.from))
        let answer = try #require(proxy.receive(CallTexts.response(200, "OK", to: info), on: .inside).first)
        #expect(answer.header(.from) == outer && answer.header(.to) == invite.header(.from))
        let update = try #require(proxy.receive(pbx.request("UPDATE"), on: .inside).first)
        #expect(update.header(.from) == invite.header(.from) && update.header(.to) == outer)
        // Our own BYEs say to each what it knows.
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        let byes = proxy.drain()
        let (inner, own) = (try #require(byes.inside.first), try #require(byes.outside.first))
        #expect(inner.header(.from) == ok.header(.to) && inner.header(.to) == ok.header(.from))
        #expect(own.header(.from) == invite.header(.from) && own.header(.to) == outer)
    }

    @Test func `after a restart the outside's name for the PBX is turned back into the host of its Contact`() throws {
        var call = try ProxyHarness().callOut()
        let proxy = ProxyHarness()
        let info = try #require(proxy.receive(call.itsp.request("INFO"), on: .outside).first)
        #expect(info.header(.to) == ProxyHarness.pbxIdentity)
        let answer = try #require(proxy.receive(CallTexts.response(200, "OK", to: info), on: .inside).first)
        #expect(answer.header(.to) == call.itsp.remote && answer.header(.from) == call.itsp.local)
        let update = try #require(proxy.receive(call.pbx.request("UPDATE"), on: .inside).first)
        #expect(update.header(.from) == call.itsp.remote)
    }

    @Test func `a call that began outside keeps the outside's own words, even where they are like ours`() throws {
        let proxy = ProxyHarness()
        proxy.insidePrefixes = ["192.168.0.1", "192.168.0.2"]
        try proxy.register()
        let own = "<sip:5551234@192.168.0.50>;tag=itsp"
        let text = CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1")
            .replacing("<sip:5551234@203.0.113.11>;tag=itsp", with: own)
        let invite = try #require(proxy.receive(text, on: .outside).first)
        #expect(invite.header(.from) == own)
        let ok = try #require(
            proxy.receive(
                CallTexts.response(200, "OK", to: invite, tag: "pbx", contact: ProxyHarness.pbxContact), on: .inside
            ).first)
        #expect(ok.header(.from) == own)
        for other in [proxy, ProxyHarness()] {
            other.insidePrefixes = proxy.insidePrefixes
            var pbx = Dialog(
                side: .inside, source: ProxyHarness.pbx, local: ok.header(.to), remote: own, callID: "call-2",
                target: invite.uri(.contact), routes: invite.values(.recordRoute), cSeq: 5,
                contact: ProxyHarness.pbxContact)
            let bye = try #require(other.receive(pbx.request("BYE"), on: .inside).first)
            #expect(bye.header(.to) == own && bye.header(.from) == ok.header(.to))
        }
    }

    @Test func `a PBX that answers with another From and To than it got tells nothing`() throws {
        let proxy = ProxyHarness()
        try proxy.register()
        let invite = try #require(
            proxy.receive(CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1"), on: .outside).first)
        let text = CallTexts.response(180, "Ringing", to: invite, tag: "p")
            .replacing("To: <sip:1000@203.0.113.10>", with: "To: <sip:1000@192.168.0.2>")
        let answer = try #require(proxy.receive(text, on: .inside).first { $0.status == 180 })
        #expect(answer.header(.to) == "<sip:1000@203.0.113.10>;tag=p")
    }
}
