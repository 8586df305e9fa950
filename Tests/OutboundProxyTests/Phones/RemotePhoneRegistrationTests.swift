import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// A phone behind NAT registers at the PBX (RFC 3327 §5, RFC 5626 §5.1, RFC 3581).
@Suite struct RemotePhoneRegistrationTests {
    @Test func `REGISTER goes to the PBX as it came, with our Path, Supported, the trunk and the real source`() throws {
        let bench = PhoneBench()
        let sent = try #require(bench.receive(bench.register(), from: PhoneBench.home).first)
        #expect(sent.side == .inside && sent.to == ProxyHarness.pbx)
        #expect(sent.start == "REGISTER sip:pbx.example SIP/2.0")
        #expect(sent.header(.contact) == "<sip:home@10.0.0.2:5070>")
        #expect(sent.header(.path).hasPrefix("<sip:192.168.0.1:5060;lr;sp=f") && sent.header(.path).hasSuffix(">"))
        #expect(sent.values(.supported) == ["path"])
        #expect(sent.text.contains("X-Sallyport-Trunk: phones\r\n"))
        #expect(sent.values(.via)[1].contains("rport=40001") && sent.values(.via)[1].contains("received=198.51.100.99"))
        #expect(sent.values(.recordRoute).isEmpty)
    }

    @Test func `401 goes back to where the phone is, credentials pass, and only the 2xx makes a binding`() throws {
        let bench = PhoneBench()
        let first = try #require(bench.receive(bench.register(), from: PhoneBench.home).first)
        let challenge = "WWW-Authenticate: Digest realm=\"x\", nonce=\"y\""
        let denied = bench.fromPBX(CallTexts.response(401, "Unauthorized", to: first, tag: "t", extra: challenge))
        #expect(denied.map(\.status) == [401] && denied.map(\.to) == [PhoneBench.home])
        #expect(denied[0].text.contains(challenge) && bench.proxy.core.phoneBindings.isEmpty)
        let credentials = "Authorization: Digest username=\"home\", uri=\"sip:pbx.example\", response=\"z\""
        let second = try bench.registered(extra: credentials)
        #expect(second.request.text.contains(credentials))
        let binding = try #require(bench.proxy.core.phoneBindings.first)
        #expect(binding.user == "home" && binding.domain == "pbx.example")
        #expect(binding.flow == Flow(listener: ListenerID(1), peer: PhoneBench.home))
        #expect(binding.expires == bench.proxy.now + .seconds(600))
        bench.proxy.expectNothingLeft()
    }

    @Test(arguments: [PhoneSettings.Contact.path, .parameter])
    func `the phone gets its Contact back byte for byte, and nothing of the inside`(mode: PhoneSettings.Contact) throws
    {
        let bench = PhoneBench(mode)
        let contact = "\"A, <b>\" <sip:home@10.0.0.2:5070;transport=udp;line=x;ob>;q=0.5;+sip.instance=\"<urn:uuid:1>\""
        let (request, answer) = try bench.registered(contact: contact)
        if mode == .parameter {
            #expect(request.uri(.contact).hasPrefix("sip:home@192.168.0.1:5060;sp=p"))
            #expect(request.message?.has(.path) == false && request.message?.has(.supported) == false)
            #expect(request.header(.contact).hasSuffix(">;q=0.5;+sip.instance=\"<urn:uuid:1>\""))
        }
        #expect(answer.header(.contact) == contact + ";expires=600")
        #expect(answer.message?.has(.path) == false && !answer.text.contains("192.168.0."))
    }

    @Test(arguments: [
        ("<sip:home@10.0.0.2:5070>;reg-id=1;+sip.instance=\"<urn:uuid:1>\"", "", true),
        ("<sip:home@10.0.0.2:5070>;reg-id=1", "", false), ("<sip:home@10.0.0.2:5070>", "", false),
        (
            "<sip:home@10.0.0.2:5070>;reg-id=1;+sip.instance=\"<urn:uuid:1>\"",
            "Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKproxy", false
        ),
    ])
    func `ob says that the phone asked for a flow and that we are its first hop (RFC 5626 §5.1)`(
        contact: String, vias: String, isOutbound: Bool
    ) throws {
        let bench = PhoneBench()
        let sent = try #require(
            bench.receive(bench.register(contact: contact, vias: vias), from: PhoneBench.home).first)
        #expect(sent.header(.path).contains(";lr;ob;sp=f") == isOutbound)
        #expect(sent.header(.contact) == contact)
    }

    @Test func `a Path of a proxy before us stays below ours, and Supported is not said twice (RFC 3327 §5.2)`() throws
    {
        let bench = PhoneBench()
        let text = bench.register(extra: "Path: <sip:p.example;lr>\nSupported: gruu, Path")
        let sent = try #require(bench.receive(text, from: PhoneBench.home).first)
        let paths = sent.values(.path)
        #expect(paths.count == 2 && paths[0].hasPrefix("<sip:192.168.0.1") && paths[1] == "<sip:p.example;lr>")
        #expect(sent.values(.supported) == ["gruu", "Path"])
        let ok = CallTexts.response(
            200, "OK", to: sent, tag: "t", contact: sent.header(.contact) + ";expires=60",
            extra: "Path: \(paths.joined(separator: ", "))\nService-Route: <sip:192.168.0.2;lr>")
        let answer = try #require(bench.fromPBX(ok).first)
        #expect(answer.values(.path) == ["<sip:p.example;lr>"] && answer.values(.serviceRoute).isEmpty)
    }

    @Test(arguments: [PhoneSettings.Contact.path, .parameter])
    func `other bindings of the AOR are listed as their phones wrote them, hosts inside are not`(
        mode: PhoneSettings.Contact
    ) throws {
        let bench = PhoneBench(mode)
        let other = try bench.registered(from: PhoneBench.desk, contact: "<sip:home@10.0.0.3:5080>").request
        let request = try #require(bench.receive(bench.register(), from: PhoneBench.home).first)
        let listed =
            "\(other.header(.contact));expires=50, <sip:home@192.168.0.50>;expires=70, \(request.header(.contact));expires=60"
        let ok = CallTexts.response(200, "OK", to: request, tag: "t", contact: listed)
        let answer = try #require(bench.fromPBX(ok).first)
        #expect(
            answer.values(.contact) == ["<sip:home@10.0.0.3:5080>;expires=50", "<sip:home@10.0.0.2:5070>;expires=60"])
        #expect(bench.proxy.core.phoneBindings.map(\.expires).max() == bench.proxy.now + .seconds(600))
    }

    @Test func `a phone whose own network looks like ours registers all the same`() throws {
        let bench = PhoneBench()
        bench.proxy.scansOutside = false
        let answer = try bench.registered(contact: "<sip:home@192.168.0.50:5060>").answer
        #expect(answer.header(.contact) == "<sip:home@192.168.0.50:5060>;expires=600")
        #expect(
            bench.proxy.core.phoneBindings.map { String(decoding: $0.contact, as: UTF8.self) }
                == ["sip:home@192.168.0.50:5060"])
    }

    @Test func `expires=0 and Contact: * end the binding, and so does time`() throws {
        let bench = PhoneBench()
        try bench.registered()
        try bench.registered("desk", from: PhoneBench.desk)
        try bench.registered(expires: 0)
        #expect(bench.proxy.core.phoneBindings.map(\.user) == ["desk"])
        let all = try #require(
            bench.receive(bench.register("desk", contact: "*", expires: 0), from: PhoneBench.desk).first)
        #expect(all.header(.contact) == "*")
        bench.fromPBX(CallTexts.response(200, "OK", to: all, tag: "t"))
        #expect(bench.proxy.core.phoneBindings.isEmpty)
        try bench.registered(expires: 60)
        bench.proxy.advance(.seconds(120))
        #expect(bench.proxy.core.phoneBindings.isEmpty)
        #expect(bench.proxy.core.nextDeadline == nil, "nothing is left of it")
    }

    @Test func `several PBXs: the next one has it when the first is silent`() throws {
        let bench = PhoneBench(pbxs: ["192.168.0.2", "192.168.0.3"])
        #expect(bench.receive(bench.register(), from: PhoneBench.home).map(\.to) == [ProxyHarness.pbx])
        let later = bench.proxy.advance(.seconds(5))
        let second = try #require(later.first { $0.to.ip == ProxyHarness.address("192.168.0.3:5060").ip })
        #expect(second.header(.path).contains("sp=f"))
    }

    @Test(arguments: [PhoneSettings.Contact.path, .parameter])
    func `the phone's requests leave by the inside address that is theirs`(mode: PhoneSettings.Contact) throws {
        let bench = PhoneBench(mode, phoneAddress: "192.168.0.9")
        let request = try bench.registered().request
        #expect(request.from == ProxyHarness.address("192.168.0.9:5060"))
        #expect(request.values(.via)[0].hasPrefix("SIP/2.0/UDP 192.168.0.9:5060"))
        #expect((mode == .path ? request.header(.path) : request.uri(.contact)).contains("192.168.0.9:5060;"))
        let invite = try #require(bench.receive(bench.request(), from: PhoneBench.home).first)
        #expect(invite.from == ProxyHarness.address("192.168.0.9:5060"))
        #expect(invite.values(.recordRoute)[0].hasPrefix("<sip:192.168.0.9:5060;lr"))
    }

    @Test func `shards agree: what one saw, another applies, and the older news of two does not count`() throws {
        let bench = PhoneBench()
        try bench.registered()
        bench.proxy.advance(.seconds(1))
        try bench.registered(from: PhoneBench.desk)
        let other = PhoneBench()
        for update in bench.proxy.updates.reversed() { other.proxy.core.apply(update) }
        #expect(other.proxy.core.phoneBindings.map(\.flow.peer) == [PhoneBench.desk])
    }

    @Test func `without Via rport the phone is answered where it is, too`() throws {
        let bench = PhoneBench()
        let text = bench.register().replacing(";rport", with: "")
        let request = try #require(bench.receive(text, from: PhoneBench.home).first)
        let answers = bench.fromPBX(CallTexts.response(401, "Unauthorized", to: request, tag: "t"))
        #expect(answers.map(\.to) == [PhoneBench.home])
    }
}
