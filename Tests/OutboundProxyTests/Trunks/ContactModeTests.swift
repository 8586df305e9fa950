import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Where the token is for ITSPs that take URI parameters away: in the user of the Contact, or in a Path (design §4).
@Suite struct ContactModeTests {
    static let contact = "<sip:s@192.168.0.2:5060;line=vtqvcuo>"
    static let original = "sip:s@192.168.0.2:5060;line=vtqvcuo"

    private func proxy(_ mode: ContactMode) -> ProxyHarness {
        ProxyHarness(trunks: [TrunkSettings(name: "itsp", domain: "203.0.113.10", contact: mode)])
    }

    private func register(
        _ proxy: ProxyHarness, contact: String = contact, extra: String = "", branch: String = "z9hG4bKr"
    ) throws -> Sent {
        let text = CallTexts.register(contact: contact, branch: branch)
            .replacing("Max-Forwards: 70", with: "Max-Forwards: 70" + (extra.isEmpty ? "" : "\n" + extra))
        return try #require(proxy.receive(text, on: .inside).first)
    }

    private func invite(_ uri: String, branch: String = "z9hG4bKi", extra: String = "") -> String {
        CallTexts.inboundINVITE(uri: uri, branch: branch, callID: branch, extra: extra)
    }

    // MARK: user

    @Test func `user: the token is the user, and the PBX's Contact comes back whole`() throws {
        let proxy = proxy(.user)
        let request = try register(proxy)
        let uri = request.uri(.contact)
        #expect(uri.hasPrefix("sip:r") && uri.hasSuffix("@203.0.113.1:5060") && !uri.contains(";"))
        // This registrar lists it with an expiry of its own.
        let ok = CallTexts.response(200, "OK", to: request, tag: "t", contact: "<\(uri)>;expires=300")
        #expect(proxy.receive(ok, on: .outside).first?.header(.contact) == Self.contact + ";expires=300")
        let sent = try #require(proxy.receive(invite(uri), on: .outside, from: ProxyHarness.stranger).first)
        #expect(sent.requestURI == Self.original && sent.to == ProxyHarness.pbx)
        #expect(sent.header(.sallyportTrunk) == "itsp" && sent.header(.to) == "<sip:1000@203.0.113.10>")
        let more = proxy.receive(invite(uri + ";user=phone", branch: "z9hG4bKj"), on: .outside)
        #expect(more.map(\.requestURI) == [Self.original + ";user=phone"])
    }

    @Test func `user: a forged or dead token gets nothing, not even a 404`() throws {
        let proxy = proxy(.user)
        let uri = try register(proxy).uri(.contact)
        let stranger = ProxyHarness.stranger
        // The registration was never confirmed.
        #expect(proxy.receive(invite(uri), on: .outside, from: stranger).isEmpty)
        let forged = uri.replacing("@", with: "A@")
        #expect(proxy.receive(invite(forged, branch: "z9hG4bKj"), on: .outside, from: stranger).isEmpty)
        #expect(proxy.core.counters.droppedUnadmitted == 2)
    }

    @Test func `user: a dialog's Contact has its token there too, and the peer's requests come back by it`() throws {
        let proxy = proxy(.user)
        let call = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first { $0.side == .outside })
        let uri = call.uri(.contact)
        #expect(uri.hasPrefix("sip:d") && uri.hasSuffix("@203.0.113.1:5060"))
        // After a restart nothing is known but the token; the ITSP keeps no parameter, not even of our Route.
        let other = self.proxy(.user)
        let bye = CallTexts.inDialog(
            "BYE", uri: uri, routes: ["<sip:203.0.113.1:5060;lr>"], from: "<sip:tone@203.0.113.10>;tag=i",
            to: "<sip:1000@192.168.0.2>;tag=pbx", callID: "call-1", cSeq: 1, branch: "z9hG4bKb",
            via: "203.0.113.10:5060")
        let sent = other.receive(bye, on: .outside)
        #expect(sent.map(\.requestURI) == ["sip:asterisk@192.168.0.2:5060"] && sent.map(\.to) == [ProxyHarness.pbx])
    }

    @Test func `user: a long Contact is kept, and restored by its handle`() throws {
        let long = "<sip:s@192.168.0.2:5060;line=\(String(repeating: "x", count: 200))?a=b>"
        let proxy = proxy(.user)
        let request = try register(proxy, contact: long)
        #expect(request.uri(.contact).utf8.count <= 96 + "sip:@203.0.113.1:5060".utf8.count)
        let ok = CallTexts.response(200, "OK", to: request, tag: "t", contact: request.header(.contact))
        #expect(proxy.receive(ok, on: .outside).first?.header(.contact) == long)
    }

    // MARK: path

    @Test func `path: our Path names the Contact, and a Route with it finds the PBX`() throws {
        let proxy = proxy(.path)
        let request = try register(proxy, extra: "Supported: 100rel, path")
        let path = request.header(.path)
        #expect(path.hasPrefix("<sip:203.0.113.1:5060;lr;sp=r") && path.hasSuffix(">"))
        #expect(request.uri(.contact).hasPrefix("sip:s@203.0.113.1:5060;sp=r"))
        let ok = CallTexts.response(
            200, "OK", to: request, tag: "t", contact: "<sip:s@203.0.113.1:5060>;expires=300", extra: "Path: \(path)")
        let back = try #require(proxy.receive(ok, on: .outside).first)
        // §5.2: the Path in the response is not altered.
        #expect(back.header(.contact) == Self.contact + ";expires=300" && back.header(.path) == path)
        for (index, uri) in ["sip:s@203.0.113.1:5060", "sip:8005551212@203.0.113.1", "sip:8005551212@203.0.113.10"]
            .enumerated()
        {
            let text = invite(uri, branch: "z9hG4bKp\(index)", extra: "Route: \(path)")
            let sent = try #require(proxy.receive(text, on: .outside, from: ProxyHarness.stranger).first)
            let user = index == 0 ? "s" : "8005551212"
            #expect(sent.requestURI == "sip:\(user)@192.168.0.2:5060;line=vtqvcuo" && sent.to == ProxyHarness.pbx)
            #expect(sent.values(.route).isEmpty && sent.header(.sallyportTrunk) == "itsp")
        }
    }

    @Test func `path: not without Supported: path, and not for several Contacts`() throws {
        let proxy = proxy(.path)
        let request = try register(proxy, extra: "Supported: 100rel, outbound")
        #expect(request.values(.path).isEmpty && request.uri(.contact).contains(";sp=r"))
        let both = try register(
            proxy, contact: Self.contact + ", <sip:t@192.168.0.3>", extra: "Supported: path", branch: "z9hG4bKs")
        #expect(both.values(.path).isEmpty && both.values(.contact).allSatisfy { $0.contains(";sp=r") })
        // Nor where nobody asked for it.
        let other = try register(self.proxy(.parameter), extra: "Supported: path")
        #expect(other.values(.path).isEmpty)
    }

    @Test func `path: a forged token in a Route admits nobody`() throws {
        let proxy = proxy(.path)
        let request = try register(proxy, extra: "k: path")
        let ok = CallTexts.response(200, "OK", to: request, tag: "t", contact: request.header(.contact))
        proxy.receive(ok, on: .outside)
        let path = request.header(.path).replacing(";sp=r", with: ";sp=rA")
        let text = invite("sip:s@203.0.113.1:5060", extra: "Route: \(path)")
        #expect(proxy.receive(text, on: .outside, from: ProxyHarness.stranger).isEmpty)
    }

    @Test func `an inside Path does not leave, an outside one stays below ours`() throws {
        let proxy = proxy(.path)
        let request = try register(
            proxy,
            extra: "Supported: path\nPath: <sip:192.168.0.5;lr>, <sip:edge.example.org;lr>\nPath: <sip:192.168.0.6;lr>")
        #expect(request.values(.path).count == 2 && request.values(.path).last == "<sip:edge.example.org;lr>")
        #expect(request.values(.path).first?.hasPrefix("<sip:203.0.113.1:5060;lr;sp=") == true)
    }

    // MARK: All

    @Test(arguments: [ContactMode.parameter, .user, .path])
    func `Contact: * and other people's Contacts stay untouched`(mode: ContactMode) throws {
        let proxy = proxy(mode)
        #expect(try register(proxy, contact: "*").header(.contact) == "*")
        let third = "\"A, B\" <sip:me@forward.example.com;x=1>;q=0.3"
        let request = try register(proxy, contact: third, branch: "z9hG4bKt")
        #expect(request.header(.contact) == third)
        let ok = CallTexts.response(200, "OK", to: request, tag: "t", contact: third + ";expires=20")
        #expect(proxy.receive(ok, on: .outside).first?.header(.contact) == third + ";expires=20")
    }

    @Test(arguments: [ContactMode.parameter, .user])
    func `a PBX that calls itself by a name is found where its REGISTER came from`(mode: ContactMode) throws {
        let proxy = ProxyHarness(
            pbxs: [PBXSettings(host: "asterisk")],
            trunks: [TrunkSettings(name: "itsp", domain: "203.0.113.10", contact: mode)])
        let text = CallTexts.register(contact: "<sip:s@Asterisk;line=x>")
        let request = try #require(proxy.receive(text, on: .inside).first)
        let ours = request.uri(.contact)
        #expect(ours.contains("203.0.113.1"))
        let ok = CallTexts.response(200, "OK", to: request, tag: "t", contact: "<\(ours)>;expires=60")
        #expect(proxy.receive(ok, on: .outside).first?.header(.contact) == "<sip:s@Asterisk;line=x>;expires=60")
        let sent = proxy.receive(invite(ours), on: .outside)
        #expect(sent.map(\.requestURI) == ["sip:s@Asterisk;line=x"] && sent.map(\.to) == [ProxyHarness.pbx])
    }
}
