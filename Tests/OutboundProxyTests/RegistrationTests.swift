import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// A PBX registers at an ITSP through the proxy (RFC 3261 §10, RFC 4320, design §4, finding 4).
@Suite struct RegistrationTests {
    let proxy = ProxyHarness()
    static let contact = "<sip:s@192.168.0.2:5060;line=vtqvcuo>"

    @Test func `401, then 200: our Contact goes out, the PBX's own comes back byte for byte (finding 4)`() throws {
        let first = try #require(proxy.receive(CallTexts.register(), on: .inside).first)
        #expect(first.start == "REGISTER sip:203.0.113.10 SIP/2.0" && first.to == ProxyHarness.itsp)
        #expect(first.values(.route).isEmpty && first.values(.recordRoute).isEmpty)
        let ours = first.header(.contact)
        #expect(ours.hasPrefix("<sip:s@203.0.113.1:5060;sp=r") && ours.hasSuffix(">"))
        #expect(ours.utf8.count <= "<sip:s@203.0.113.1:5060;sp=>".utf8.count + TokenCodec.maximumLength)
        let challenge = "WWW-Authenticate: Digest realm=\"x\", nonce=\"y\""
        let denied = proxy.receive(
            CallTexts.response(401, "Unauthorized", to: first, tag: "t", extra: challenge), on: .outside)
        #expect(denied.map(\.status) == [401] && denied[0].text.contains(challenge + "\r\n"))
        #expect(proxy.core.bindings.isEmpty)
        let second = try #require(
            proxy.receive(CallTexts.register(branch: "z9hG4bKreg2", cSeq: 2), on: .inside).first)
        #expect(second.header(.contact) == ours)
        let ok = CallTexts.response(200, "OK", to: second, tag: "t", contact: ours + ";q=0.5;expires=1800")
        let back = try #require(proxy.receive(ok, on: .outside).first)
        #expect(back.header(.contact) == Self.contact + ";q=0.5;expires=1800")
        let binding = try #require(proxy.core.bindings.first)
        #expect(binding.expires == proxy.now + .seconds(1800))
        #expect(String(decoding: binding.contact, as: UTF8.self) == "sip:s@192.168.0.2:5060;line=vtqvcuo")
        #expect(binding.user == "1000" && binding.domain == "203.0.113.10" && binding.pbx == ProxyHarness.pbx)
        proxy.expectNothingLeft()
    }

    @Test(arguments: [
        "<sip:s@192.168.0.2:5060;line=vtqvcuo>",
        "<sip:1000@192.168.0.2;transport=udp;x-ast-orig-host=10.0.0.1:5060;ob>",
        "sip:s@192.168.0.2:5060", "\"A, <b>\" <sip:s;phone-context=+1@192.168.0.2:5070;line=a;lr?X-A=b>",
        "<sip:192.168.0.2>", "<sip:s@[fd00:168::2]:5060;line=a>",
        "<sip:a-very-long-user-part-that-does-not-fit-into-any-token-since-it-is-so-long@192.168.0.2;line=x>",
    ])
    func `every Contact comes back as it was written`(contact: String) throws {
        let request = try #require(proxy.receive(CallTexts.register(contact: contact), on: .inside).first)
        let ours = request.header(.contact)
        #expect(ours.contains("203.0.113.1:5060;sp=r"))
        let ok = CallTexts.response(200, "OK", to: request, tag: "t", contact: ours + ";expires=60")
        let back = try #require(proxy.receive(ok, on: .outside).first)
        let expected = contact.contains("<") ? contact : "<\(contact)>"
        #expect(back.header(.contact) == expected + ";expires=60")
    }

    @Test func `other bindings and parameters stay as the registrar lists them`() throws {
        let request = try #require(proxy.receive(CallTexts.register(), on: .inside).first)
        let others = [
            "<sip:s@198.51.100.9:5060;line=other>;expires=20", "\"Desk\" <sip:1000@203.0.113.1:5090>;expires=30",
            "<sip:1000@203.0.113.1:5060;sp=rForged>;expires=40", "<tel:+15551234>;expires=50",
        ]
        let list = others + [request.header(.contact) + ";expires=70"]
        let ok = CallTexts.response(200, "OK", to: request, tag: "t", contact: list.joined(separator: ", "))
        let back = try #require(proxy.receive(ok, on: .outside).first)
        #expect(back.values(.contact) == others + [Self.contact + ";expires=70"])
        #expect(proxy.core.bindings.map(\.expires) == [proxy.now + .seconds(70)])
    }

    @Test func `a registrar that takes the token away: found by what we sent`() throws {
        let request = try #require(proxy.receive(CallTexts.register(), on: .inside).first)
        let ok = CallTexts.response(
            200, "OK", to: request, tag: "t", contact: "<sip:s@203.0.113.1:5060>;expires=90")
        let back = try #require(proxy.receive(ok, on: .outside).first)
        #expect(back.header(.contact) == Self.contact + ";expires=90")
        #expect(proxy.core.bindings.count == 1)
    }

    @Test func `a refresh gives the same bytes, also after a restart and on another node`() throws {
        let first = try proxy.register().request
        let again = try proxy.register(branch: "z9hG4bKreg2", cSeq: 2).request
        let elsewhere = try ProxyHarness().register(branch: "z9hG4bKreg3", cSeq: 3).request
        #expect(Set([first, again, elsewhere].map { $0.header(.contact) }).count == 1)
        #expect(proxy.core.bindings.count == 1)
    }

    @Test func `unregistering kills the token at once`() throws {
        let token = try proxy.register().request.uri(.contact)
        #expect(invited(token).map(\.side) == [.inside])
        try proxy.register(expires: 0, branch: "z9hG4bKreg2", cSeq: 2)
        #expect(invited(token).isEmpty)
        // The trunk ages out with its binding: the ITSP is a stranger now.
        #expect(proxy.core.trunkSummaries.isEmpty)
    }

    @Test func `Contact: * passes untouched and kills the tokens of its AOR, and no other`() throws {
        let mine = try proxy.register().request.uri(.contact)
        let other = try proxy.register(
            contact: "<sip:t@192.168.0.2:5060>", user: "2000", branch: "z9hG4bKother"
        ).request.uri(.contact)
        let request = try #require(
            proxy.receive(CallTexts.register(contact: "*", expires: 0, branch: "z9hG4bKstar"), on: .inside).first)
        #expect(request.header(.contact) == "*")
        #expect(
            proxy.receive(CallTexts.response(200, "OK", to: request, tag: "t"), on: .outside).map(\.status) == [200])
        #expect(proxy.core.bindings.map(\.user) == ["2000"])
        let stranger = ProxyHarness.stranger
        #expect(invited(mine, from: stranger).isEmpty)
        #expect(invited(other, from: stranger, branch: "z9hG4bKo").map(\.side) == [.inside])
    }

    @Test func `expiry kills the token`() throws {
        let token = try proxy.register(expires: 60).request.uri(.contact)
        proxy.advance(.seconds(59))
        #expect(invited(token, branch: "z9hG4bK59").map(\.side) == [.inside])
        proxy.advance(.seconds(2))
        #expect(invited(token, branch: "z9hG4bK61").isEmpty)
    }

    @Test func `several Contacts in one REGISTER are several bindings`() throws {
        let list = "<sip:a@192.168.0.2:5060;line=1>, <sip:a@192.168.0.2:5070;line=2>;expires=0, <sip:b@192.0.2.7>"
        let request = try #require(proxy.receive(CallTexts.register(contact: list), on: .inside).first)
        let sent = request.values(.contact)
        #expect(sent.count == 3 && sent[2] == "<sip:b@192.0.2.7>" && sent[1].hasSuffix(";expires=0"))
        #expect(sent[0] != sent[1])
        let ok = CallTexts.response(
            200, "OK", to: request, tag: "t", contact: "\(sent[0]);expires=120, \(sent[2]);expires=5")
        let back = try #require(proxy.receive(ok, on: .outside).first)
        #expect(
            back.values(.contact) == ["<sip:a@192.168.0.2:5060;line=1>;expires=120", "<sip:b@192.0.2.7>;expires=5"])
        #expect(proxy.core.bindings.filter { $0.expires > proxy.now }.count == 1)
    }

    @Test func `two AORs with one Contact: each registration lives for itself`() throws {
        let contact = "<sip:s@192.168.0.2:5060>"
        let token = try proxy.register(contact: contact, user: "1000").request.uri(.contact)
        let other = try proxy.register(
            contact: contact, user: "2000", registrar: "203.0.113.20", branch: "z9hG4bKb"
        ).request.uri(.contact)
        #expect(token == other)
        let second = ProxyHarness.address("203.0.113.20:5060")
        #expect(invited(token, from: second).first?.text.contains("X-Sallyport-Trunk: 203.0.113.20\r\n") == true)
        try proxy.register(contact: contact, expires: 0, user: "1000", branch: "z9hG4bKc", cSeq: 2)
        #expect(invited(token, from: second, branch: "z9hG4bKd").map(\.side) == [.inside])
        try proxy.register(
            contact: contact, expires: 0, user: "2000", registrar: "203.0.113.20", branch: "z9hG4bKe", cSeq: 2)
        #expect(invited(token, from: second, branch: "z9hG4bKf").isEmpty)
    }

    @Test(arguments: [403, 404, 423, 500, 600])
    func `a refusal passes and registers nothing`(status: Int) throws {
        let request = try #require(proxy.receive(CallTexts.register(), on: .inside).first)
        let sent = proxy.receive(
            CallTexts.response(status, "No", to: request, tag: "t", extra: "Min-Expires: 1800"), on: .outside)
        #expect(sent.map(\.status) == [status] && sent[0].text.contains("Min-Expires: 1800\r\n"))
        #expect(proxy.core.bindings.isEmpty && proxy.core.trunkSummaries.isEmpty)
        proxy.expectNothingLeft()
    }

    @Test func `a 503 goes up as 500, which makes Asterisk try again`() throws {
        let request = try #require(proxy.receive(CallTexts.register(), on: .inside).first)
        let sent = proxy.receive(
            CallTexts.response(503, "Overloaded", to: request, tag: "t", extra: "Retry-After: 30"), on: .outside)
        #expect(sent.map(\.status) == [500] && sent[0].header(.retryAfter) == "30")
    }

    @Test func `no response: the REGISTER goes out ten times, and the PBX gets only 100 (RFC 4320)`() throws {
        let text = CallTexts.register()
        #expect(proxy.receive(text, on: .inside).count == 1)
        #expect(proxy.receive(text, on: .inside).isEmpty)
        let sent = proxy.advance(.seconds(33))
        #expect(sent.filter { $0.side == .outside }.count == 10)
        #expect(sent.filter { $0.side == .inside }.map(\.status) == [100])
        #expect(proxy.receive(text, on: .inside).isEmpty)
        proxy.expectNothingLeft()
    }

    @Test func `a 200 that comes again goes to a REGISTER that comes again`() throws {
        let request = try #require(proxy.receive(CallTexts.register(), on: .inside).first)
        let ok = CallTexts.response(200, "OK", to: request, tag: "t", contact: request.header(.contact))
        #expect(proxy.receive(ok, on: .outside).count == 1)
        #expect(proxy.receive(ok, on: .outside).isEmpty)
        let again = proxy.receive(CallTexts.register(), on: .inside)
        #expect(again.map(\.status) == [200] && again[0].header(.contact) == Self.contact)
    }

    @Test func `a registrar that lists nothing has taken what was asked for`() throws {
        let request = try #require(proxy.receive(CallTexts.register(expires: 600), on: .inside).first)
        proxy.receive(CallTexts.response(200, "OK", to: request, tag: "t", extra: "Expires: 300"), on: .outside)
        #expect(proxy.core.bindings.map(\.expires) == [proxy.now + .seconds(300)])
    }

    @Test func `a registrar can't make us a trunk of another domain, nor of another address`() throws {
        let request = try #require(proxy.receive(CallTexts.register(), on: .inside).first)
        let ok = CallTexts.response(200, "OK", to: request, tag: "t", contact: request.header(.contact))
            .replacing("To: <sip:1000@203.0.113.10>", with: "To: <sip:1000@bank.example>")
        proxy.receive(ok, on: .outside, from: ProxyHarness.address("203.0.113.99:5060"))
        #expect(proxy.core.trunkSummaries.map(\.domain) == ["203.0.113.10"])
        #expect(proxy.core.trunkSummaries.map(\.addresses) == [[ProxyHarness.itsp.ip]])
    }

    @Test func `shards agree: what one saw, another applies`() throws {
        let token = try proxy.register().request.uri(.contact)
        let other = ProxyHarness()
        for update in proxy.updates { other.core.apply(update) }
        #expect(invited(token, on: other).map(\.side) == [.inside])
        try proxy.register(expires: 0, branch: "z9hG4bKreg2", cSeq: 2)
        for update in proxy.updates { other.core.apply(update) }
        #expect(invited(token, on: other, branch: "z9hG4bKx").isEmpty)
    }

    /// What an INVITE to the token does.
    private func invited(
        _ uri: String, from source: SocketAddress = ProxyHarness.itsp, on harness: ProxyHarness? = nil,
        branch: String = "z9hG4bKi"
    ) -> [Sent] {
        (harness ?? proxy).receive(
            CallTexts.inboundINVITE(uri: uri, branch: branch, callID: branch), on: .outside, from: source)
    }
}
