import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Trunks with an outside port of their own (design §10: `source_port`).
@Suite struct SourcePortTests {
    static let one = ProxyHarness.address("203.0.113.1:5081")
    static let common = ProxyHarness.address("203.0.113.1:5060")

    static let trunks = [
        TrunkSettings(name: "one", domain: "203.0.113.10", user: "1000"),
        TrunkSettings(name: "two", domain: "203.0.113.10", user: "2000"),
        TrunkSettings(name: "three", domain: "203.0.113.10", user: "3000"),
    ]

    private func proxy() -> ProxyHarness {
        ProxyHarness(trunks: Self.trunks) { settings in
            for (index, name) in ["one", "two"].enumerated() {
                let id = ListenerID(UInt16(settings.listeners.count))
                let local = ProxyHarness.address("203.0.113.1:\(5081 + index)")
                settings.listeners.append(
                    Listener(id: id, side: .outside, transport: .udp, local: local, trunk: name))
            }
        }
    }

    private func register(_ proxy: ProxyHarness, _ user: String) throws -> Sent {
        let text = CallTexts.register(
            contact: "<sip:s@192.168.0.2:5060;line=\(user)>", branch: "z9hG4bK\(user)", user: user,
            callID: "reg-\(user)")
        let request = try #require(proxy.receive(text, on: .inside).first)
        let ok = CallTexts.response(200, "OK", to: request, tag: "t", contact: request.header(.contact))
        let listener: UInt16 = ["1000": 4, "2000": 5][user] ?? 1
        #expect(proxy.receive(wire(ok), on: .outside, listener: listener).map(\.status) == [200])
        return request
    }

    @Test func `a trunk's requests leave by its port, and name it`() throws {
        let proxy = proxy()
        let requests = try ["1000", "2000", "3000"].map { try register(proxy, $0) }
        #expect(requests.map(\.from.port) == [5081, 5082, 5060])
        for request in requests {
            #expect(request.values(.via)[0].hasPrefix("SIP/2.0/UDP \(request.from);"))
            #expect(request.uri(.contact).hasPrefix("sip:s@\(request.from);sp=r"))
        }
        let call = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first { $0.side == .outside })
        #expect(call.from == Self.one && call.uri(.contact).hasPrefix("sip:asterisk@\(Self.one);"))
        #expect(call.values(.recordRoute).first?.hasPrefix("<sip:\(Self.one);lr;sp=h") == true)
    }

    @Test func `a dialog stays on its port: both ways, after a restart, and when we end it`() throws {
        let proxy = proxy()
        let call = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first { $0.side == .outside })
        let ok = CallTexts.response(
            200, "OK", to: call, tag: "i", contact: "<sip:tone@203.0.113.10>", body: CallTexts.sdpOutside)
        let back = try #require(proxy.receive(wire(ok), on: .outside, listener: 4).first { $0.side == .inside })
        let routes = back.values(.recordRoute).reversed().map { $0 }
        func request(_ method: String, _ cSeq: Int) -> String {
            CallTexts.inDialog(
                method, uri: "sip:tone@203.0.113.10", routes: routes, from: "\"1000\" <sip:1000@192.168.0.2>;tag=pbx",
                to: "<sip:tone@203.0.113.10>;tag=i", callID: "call-1", cSeq: cSeq, branch: "z9hG4bK\(method)\(cSeq)",
                via: "192.168.0.2:5060")
        }
        #expect(proxy.receive(request("ACK", 1), on: .inside).map(\.from) == [Self.one])
        #expect(proxy.receive(request("INFO", 2), on: .inside).map(\.from) == [Self.one])
        // A core that knows nothing of the call, with a From that is no account: the Route says it.
        let text = request("BYE", 3).replacing("sip:1000@192.168.0.2", with: "sip:9@192.168.0.2")
        #expect(self.proxy().receive(text, on: .inside).map(\.from) == [Self.one])
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        #expect(proxy.drain().filter { $0.side == .outside }.map(\.from) == [Self.one])
    }

    @Test func `what arrives at a trunk's port is that trunk's, if its source is`() throws {
        let proxy = proxy()
        let uri = try register(proxy, "3000").uri(.contact)
        let did = "sip:8005551212@203.0.113.1:5081"
        func invite(_ uri: String, _ mark: String, from source: SocketAddress? = nil) -> [Sent] {
            let text = CallTexts.inboundINVITE(uri: uri, branch: "z9hG4bK\(mark)", callID: mark)
                .replacing("<sip:1000@203.0.113.10>", with: "<sip:8005551212@203.0.113.10>")
            return proxy.receive(wire(text), on: .outside, from: source, listener: 4)
        }
        let sent = invite(did, "a")
        #expect(sent.map { $0.header(.sallyportTrunk) } == ["one"] && sent.map(\.side) == [.inside])
        #expect(sent[0].values(.recordRoute)[1].hasPrefix("<sip:\(Self.one);lr;"))
        #expect(invite(did, "b", from: ProxyHarness.stranger).allSatisfy { $0.side == .outside && $0.status == 404 })
        // A live token says more than the port.
        #expect(invite(uri, "c").map { $0.header(.sallyportTrunk) } == ["three"])
    }

    @Test func `another trunk's ITSP is a stranger at that port`() {
        let proxy = ProxyHarness(
            trunks: [Self.trunks[0], TrunkSettings(name: "other", domain: "203.0.113.20")]
        ) { settings in
            settings.listeners.append(
                Listener(id: ListenerID(4), side: .outside, transport: .udp, local: Self.one, trunk: "one"))
        }
        let text = CallTexts.inboundINVITE(uri: "sip:8005551212@203.0.113.1:5081")
        let source = ProxyHarness.address("203.0.113.20:5060")
        #expect(proxy.receive(wire(text), on: .outside, from: source, listener: 4).map(\.status) == [404])
        let common = text.replacing("5081", with: "5060").replacing("call-2", with: "call-3")
        #expect(proxy.receive(wire(common), on: .outside, from: source).map { $0.header(.sallyportTrunk) } == ["other"])
    }
}
