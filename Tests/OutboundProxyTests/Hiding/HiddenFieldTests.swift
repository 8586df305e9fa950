import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// What tells of the inside beside Via and Record-Route (design §3): field by field, in requests and in responses.
@Suite struct HiddenFieldTests {
    /// A field as the PBX writes it, and as it leaves.
    static let fields: [(String, String)] = [
        ("P-Asserted-Identity: \"A\" <sip:1000@192.168.0.2>", "P-Asserted-Identity: \"A\" <sip:1000@203.0.113.1>"),
        (
            "P-Asserted-Identity: <sip:1000@192.168.0.2:5070>, <tel:+15551234>",
            "P-Asserted-Identity: <sip:1000@203.0.113.1>, <tel:+15551234>"
        ),
        ("P-Preferred-Identity: <sip:1000@[fd00:168::2]>", "P-Preferred-Identity: <sip:1000@203.0.113.1>"),
        (
            "Remote-Party-ID: \"A\" <sip:1000@192.168.0.2>;party=calling;privacy=off",
            "Remote-Party-ID: \"A\" <sip:1000@203.0.113.1>;party=calling;privacy=off"
        ),
        (
            "Diversion: <sip:200@192.168.0.2>;reason=no-answer, <sip:300@example.org>;reason=busy",
            "Diversion: <sip:200@203.0.113.1>;reason=no-answer, <sip:300@example.org>;reason=busy"
        ),
        (
            "History-Info: <sip:200@192.168.0.2?Reason=SIP%3Bcause%3D302>;index=1,<sip:x@192.168.0.77>;index=1.1",
            "History-Info: <sip:200@203.0.113.1?Reason=SIP%3Bcause%3D302>;index=1,<sip:x@203.0.113.1>;index=1.1"
        ),
        ("Referred-By: <sip:1000@192.168.0.2>", "Referred-By: <sip:1000@203.0.113.1>"),
        ("Referred-By: sip:1000@192.168.0.2", "Referred-By: sip:1000@203.0.113.1"),
        ("Refer-To: <sip:2000@192.168.0.2>", "Refer-To: <sip:2000@203.0.113.1:5060>"),
        ("Refer-To: <sip:2000@203.0.113.55>", "Refer-To: <sip:2000@203.0.113.55>"),
        ("Warning: 399 192.168.0.2 \"odd\"", "Warning: 399 203.0.113.1:5060 \"odd\""),
        ("Warning: 399 192.168.0.2:5060 \"odd, this\"", "Warning: 399 203.0.113.1:5060 \"odd, this\""),
        ("Warning: 307 isi.edu \"odd\"", "Warning: 307 isi.edu \"odd\""),
        ("User-to-User: 56a390f3d2b7310023a2;encoding=hex", "User-to-User: 56a390f3d2b7310023a2;encoding=hex"),
        ("Server: Asterisk PBX 20", "Server: Asterisk PBX 20"),
        ("User-Agent: Asterisk PBX 20", "User-Agent: Asterisk PBX 20"),
        ("X-Note: as it is", "X-Note: as it is"),
    ]

    @Test(arguments: fields) func `in a request of the PBX`(before: String, after: String) throws {
        let sent = ProxyHarness().receive(CallTexts.outboundINVITE(extra: before), on: .inside)
        #expect(sent.first?.text.contains("\r\n" + after + "\r\n") == true, "\(sent.first?.text ?? "")")
    }

    @Test(arguments: fields) func `in a response of the PBX`(before: String, after: String) throws {
        let proxy = ProxyHarness()
        try proxy.register()
        let invite = try #require(
            proxy.receive(CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1"), on: .outside).first)
        let text = CallTexts.response(183, "Session Progress", to: invite, tag: "p", extra: before)
        let answer = proxy.receive(text, on: .inside).first { $0.status == 183 }
        #expect(answer?.text.contains("\r\n" + after + "\r\n") == true, "\(answer?.text ?? "")")
    }

    @Test(arguments: fields.prefix(13)) func `a trunk that may see the inside sees it`(before: String, after: String) {
        let proxy = ProxyHarness.hiding(HidingSettings(isOn: false))
        let sent = proxy.receive(CallTexts.outboundINVITE(extra: before), on: .inside)
        #expect(sent.first?.text.contains("\r\n" + before + "\r\n") == true)
    }

    @Test func `a Warning whose text names an inside address does not leave`() throws {
        let warning = "Warning: 399 pbx \"no route to 192.168.0.77\""
        let sent = ProxyHarness().receive(CallTexts.outboundINVITE(extra: warning), on: .inside)
        #expect(sent.first?.lines("Warning") == [])
    }

    @Test func `from_domain stands in From and identities, not where somebody will call`() throws {
        let proxy = ProxyHarness.hiding(HidingSettings(fromDomain: "my.itsp.com"))
        let extra = "P-Asserted-Identity: <sip:1000@192.168.0.2>\nRefer-To: <sip:2000@192.168.0.2>"
        let sent = try #require(proxy.receive(CallTexts.outboundINVITE(extra: extra), on: .inside).first)
        #expect(sent.header(.from) == "\"1000\" <sip:1000@my.itsp.com>;tag=pbx")
        #expect(sent.lines("P-Asserted-Identity") == ["<sip:1000@my.itsp.com>"])
        #expect(sent.header(.referTo) == "<sip:2000@203.0.113.1:5060>")
    }

    @Test func `the name of a configured PBX is an inside host`() throws {
        let proxy = ProxyHarness(pbxs: [PBXSettings(host: "pbx.lan")])
        let text = CallTexts.outboundINVITE(extra: "P-Asserted-Identity: <sip:1000@PBX.lan>")
            .replacing("sip:1000@192.168.0.2", with: "sip:1000@pbx.lan")
        let sent = try #require(proxy.receive(text, on: .inside).first)
        #expect(sent.header(.from) == "\"1000\" <sip:1000@203.0.113.1>;tag=pbx")
        #expect(sent.lines("P-Asserted-Identity") == ["<sip:1000@203.0.113.1>"])
    }

    @Test func `Routes that lead back inside don't leave, whatever the trunk wants otherwise`() throws {
        let route = "Route: <sip:192.168.0.1;lr>, <sip:203.0.113.10;lr>, <sip:192.168.0.9;lr>\n"
        let sent = try #require(
            ProxyHarness().receive(CallTexts.outboundINVITE(route: route), on: .inside).first { $0.side == .outside })
        #expect(sent.values(.route) == ["<sip:203.0.113.10;lr>"])
    }

    // MARK: P-Asserted-Identity (RFC 3325)

    @Test func `identity: remove takes it away both ways, in requests and in responses`() throws {
        let pai = "P-Asserted-Identity: <sip:1000@example.org>"
        for keeps in [true, false] {
            let proxy = ProxyHarness.hiding(HidingSettings(keepsIdentity: keeps))
            let out = try #require(proxy.receive(CallTexts.outboundINVITE(extra: pai), on: .inside).first)
            #expect(out.lines("P-Asserted-Identity").isEmpty != keeps)
            let back = proxy.receive(CallTexts.response(180, "Ringing", to: out, tag: "t", extra: pai), on: .outside)
            #expect(back.first?.lines("P-Asserted-Identity").isEmpty != keeps)
            let text = CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1", extra: pai)
            let invite = try #require(proxy.receive(text, on: .outside).first)
            #expect(invite.lines("P-Asserted-Identity").isEmpty != keeps)
            let answer = proxy.receive(
                CallTexts.response(180, "Ringing", to: invite, tag: "t", extra: pai), on: .inside)
            #expect(answer.first?.lines("P-Asserted-Identity").isEmpty != keeps)
        }
    }

    @Test func `a host outside that is no trunk asserts nothing`() throws {
        let proxy = ProxyHarness()
        let uri = try proxy.register().request.uri(.contact)
        let text = CallTexts.inboundINVITE(uri: uri, extra: "P-Asserted-Identity: <sip:boss@example.org>")
        let sent = try #require(proxy.receive(text, on: .outside, from: ProxyHarness.stranger).first)
        #expect(sent.side == .inside && sent.lines("P-Asserted-Identity").isEmpty)
        let other = text.replacing("z9hG4bKitsp1", with: "z9hG4bKitsp2").replacing("call-2", with: "call-3")
        #expect(proxy.receive(other, on: .outside).first?.lines("P-Asserted-Identity").count == 1)
    }
}
