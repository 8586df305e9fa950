import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Which trunk a request is of, where several share a domain or an address, and which PBX gets it (design §3, §10).
@Suite struct TrunkMatchTests {
    static let second = ProxyHarness.address("203.0.113.20:5060")

    static func networks(_ texts: String...) -> [IPNetwork] { texts.compactMap { IPNetwork($0) } }

    /// An INVITE from outside; From, To and Call-ID are its own.
    private func invite(
        _ uri: String, to: String = "<sip:8005551212@203.0.113.1>", from: String = "<sip:5551234@198.51.100.9>",
        _ mark: String = "1"
    ) -> String {
        CallTexts.inboundINVITE(uri: uri, branch: "z9hG4bKm\(mark)", callID: "m\(mark)")
            .replacing("<sip:1000@203.0.113.10>", with: to).replacing("<sip:5551234@203.0.113.11>;", with: from + ";")
    }

    // MARK: Accounts

    static let accounts = [
        TrunkSettings(
            name: "one", domain: "itsp.example", user: "1000", networks: networks("203.0.113.0/24"),
            pbxs: [PBXSettings(host: "192.168.0.11")]),
        TrunkSettings(
            name: "two", domain: "itsp.example", user: "2000", networks: networks("203.0.113.0/24"),
            pbxs: [PBXSettings(host: "192.168.0.12")]),
        TrunkSettings(
            name: "any", domain: "any.example", networks: networks("203.0.113.0/28"),
            pbxs: [PBXSettings(host: "192.168.0.13")]),
    ]

    @Test(
        "accounts at one address: whom the Request-URI names, then To, the domain, then From",
        arguments: [
            ("sip:1000@203.0.113.1", "sip:x@y.example", "sip:5@z.example", "one", "192.168.0.11"),
            ("sip:2000@203.0.113.1", "sip:1000@itsp.example", "sip:5@z.example", "two", "192.168.0.12"),
            ("sip:800@203.0.113.1", "sip:2000@itsp.example", "sip:5@z.example", "two", "192.168.0.12"),
            ("sip:800@203.0.113.1", "sip:800@any.example", "sip:5@z.example", "any", "192.168.0.13"),
            ("sip:800@any.example", "sip:800@y.example", "sip:5@z.example", "any", "192.168.0.13"),
            ("sip:800@203.0.113.1", "sip:800@y.example", "sip:2000@itsp.example", "two", "192.168.0.12"),
            ("sip:800@203.0.113.1", "sip:800@y.example", "sip:5@z.example", "any", "192.168.0.13"),
        ])
    func accounts(uri: String, to: String, from: String, trunk: String, pbx: String) throws {
        let proxy = ProxyHarness(trunks: Self.accounts)
        let sent = try #require(proxy.receive(invite(uri, to: "<\(to)>", from: "<\(from)>"), on: .outside).first)
        #expect(sent.header(.sallyportTrunk) == trunk && sent.to.ip == IPAddress(pbx))
    }

    @Test func `accounts that registered with Contacts of the same user: To says which`() throws {
        let proxy = ProxyHarness(pbxs: [])
        let pbxs = ["192.168.0.2", "192.168.0.3"]
        for (index, host) in pbxs.enumerated() {
            let text = CallTexts.register(
                contact: "<sip:s@\(host):5060;line=\(index)>", branch: "z9hG4bKr\(index)", user: "\(index + 1)000",
                callID: "reg-\(index)")
            let request = try #require(
                proxy.receive(text, on: .inside, from: ProxyHarness.address("\(host):5060")).first)
            proxy.receive(
                CallTexts.response(200, "OK", to: request, tag: "t", contact: request.header(.contact)), on: .outside)
        }
        for (index, host) in pbxs.enumerated() {
            let to = "<sip:\(index + 1)000@203.0.113.10>"
            let text = invite("sip:s@203.0.113.1:5060", to: to, "a\(index)")
            #expect(proxy.receive(text, on: .outside).map(\.requestURI) == ["sip:s@\(host):5060;line=\(index)"])
            // The DID in the Request-URI, and nobody configured to take it.
            let did = invite("sip:8005551212@203.0.113.1", to: to, "b\(index)")
            #expect(
                proxy.receive(did, on: .outside).map(\.requestURI) == ["sip:8005551212@\(host):5060;line=\(index)"])
        }
    }

    @Test func `an account that is not configured is a trunk of its own`() throws {
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "one", domain: "203.0.113.10", user: "1000")])
        let other = try proxy.register(
            contact: "<sip:t@192.168.0.2:5060>", user: "3000", branch: "z9hG4bKb"
        ).request.uri(.contact)
        let byToken = try #require(proxy.receive(invite(other), on: .outside).first)
        #expect(byToken.header(.sallyportTrunk) == "203.0.113.10")
        let byUser = try #require(proxy.receive(invite("sip:3000@203.0.113.1", "2"), on: .outside).first)
        #expect(byUser.header(.sallyportTrunk) == "203.0.113.10" && byUser.requestURI == "sip:3000@192.168.0.2:5060")
        let byDID = try #require(proxy.receive(invite("sip:800@203.0.113.1", "3"), on: .outside).first)
        #expect(byDID.header(.sallyportTrunk) == "one")
    }

    // MARK: Where it comes from

    @Test func `another host of the trunk's networks, another family, and what its domain resolves to`() throws {
        let trunk = TrunkSettings(
            name: "itsp", domain: "itsp.example", networks: Self.networks("198.51.100.0/24", "2001:db8:5::/48"))
        let proxy = ProxyHarness(trunks: [trunk])
        proxy.core.apply(.resolved(domain: "itsp.example", addresses: [Self.second.ip]))
        let sources = ["198.51.100.7:5071", "203.0.113.20:5060", "[2001:db8:5::7]:5060", "203.0.113.21:5060"]
        let sent = sources.enumerated().map { index, source in
            proxy.receive(
                invite("sip:8005551212@203.0.113.1", "\(index)"), on: .outside, from: ProxyHarness.address(source))
        }
        #expect(sent.map { $0.first?.side } == [.inside, .inside, .inside, .outside])
        #expect(sent.prefix(3).allSatisfy { $0.first?.header(.sallyportTrunk) == "itsp" })
        #expect(sent.last?.map(\.status) == [404])
    }

    @Test func `a learned trunk calls from any host that its name resolves to`() throws {
        let proxy = ProxyHarness(pbxs: [])
        let text = CallTexts.register(registrar: "itsp.example")
        #expect(proxy.receive(text, on: .inside).isEmpty)
        let request = try #require(proxy.resolve("itsp.example", ["203.0.113.10", "203.0.113.20"]).first)
        proxy.receive(
            CallTexts.response(200, "OK", to: request, tag: "t", contact: request.header(.contact)), on: .outside)
        let sent = proxy.receive(invite("sip:1000@203.0.113.1"), on: .outside, from: Self.second)
        #expect(sent.map(\.requestURI) == ["sip:1000@192.168.0.2:5060;line=vtqvcuo"])
        #expect(sent.map { $0.header(.sallyportTrunk) } == ["itsp.example"])
    }

    // MARK: From inside

    /// What a call leaves with tells which trunk it was taken for: only one of them has its token in the user.
    private func isUserMode(_ proxy: ProxyHarness, uri: String, from: String, route: String = "", mark: Int) -> Bool? {
        let text = CallTexts.outboundINVITE(
            branch: "z9hG4bKo\(mark)", callID: "o\(mark)", uri: uri, route: "Route: <sip:192.168.0.1;lr>\n" + route
        ).replacing("<sip:1000@192.168.0.2>;tag", with: "<\(from)>;tag")
        return proxy.receive(text, on: .inside).first { $0.side == .outside }
            .map { $0.uri(.contact).hasPrefix("sip:d") }
    }

    @Test func `a call goes by the domain of its Route, its Request-URI or its From, and by the account in From`() {
        let proxy = ProxyHarness(trunks: [
            TrunkSettings(name: "one", domain: "203.0.113.10", user: "1000"),
            TrunkSettings(name: "two", domain: "203.0.113.10", user: "2000", contact: .user),
            TrunkSettings(name: "named", domain: "named.example", contact: .user),
            TrunkSettings(
                name: "net", domain: "net.example", networks: Self.networks("198.51.100.0/24"), contact: .user),
        ])
        let cases: [(uri: String, from: String, route: String, isUser: Bool)] = [
            ("sip:5@203.0.113.10", "sip:1000@192.168.0.2", "", false),
            ("sip:5@203.0.113.10", "sip:2000@192.168.0.2", "", true),
            ("sip:5@203.0.113.10", "sip:5551234@192.168.0.2", "", false),
            ("sip:5@x.example", "sip:2000@192.168.0.2", "Route: <sip:203.0.113.10;lr>\n", true),
            ("sip:5@192.0.2.1", "sip:9@named.example", "", true),
            ("sip:5@192.0.2.1", "sip:9@192.168.0.2", "", false),
            ("sip:5@198.51.100.4", "sip:9@192.168.0.2", "", true),
        ]
        for (mark, call) in cases.enumerated() {
            #expect(
                isUserMode(proxy, uri: call.uri, from: call.from, route: call.route, mark: mark) == call.isUser,
                "\(call)")
        }
    }

    // MARK: PBXs

    @Test func `the trunk's PBXs come before the default ones, in their order, each as its own Request-URI`() throws {
        let trunk = TrunkSettings(
            name: "itsp", domain: "203.0.113.10",
            pbxs: [PBXSettings(host: "192.168.0.3", port: 5070), PBXSettings(host: "fd00:168::3")])
        let proxy = ProxyHarness(trunks: [trunk])
        let message = try #require(try? MessageParser.parse(datagram: wire(invite("sip:800;x@203.0.113.1"))))
        let uri = try #require(URI(message.requestURI, in: message.bytes))
        func targets(_ name: String) -> [String] {
            let match = TrunkMatch(name: name, settings: name == "itsp" ? trunk : nil, domain: name)
            return proxy.core.destinations(of: uri, in: message, trunk: match, at: proxy.now)
                .map { String(decoding: $0.uri, as: UTF8.self) }
        }
        #expect(targets("itsp") == ["sip:800;x@192.168.0.3:5070", "sip:800;x@[fd00:168::3]"])
        #expect(targets("other.example") == ["sip:800;x@192.168.0.2"])
        let sent = proxy.receive(invite("sip:800@203.0.113.1"), on: .outside)
        #expect(sent.map(\.to) == [ProxyHarness.address("192.168.0.3:5070")])
    }

    @Test func `two PBXs with the same AOR: both registrations are tried`() throws {
        let proxy = ProxyHarness(pbxs: [])
        for (index, host) in ["192.168.0.2", "192.168.0.3"].enumerated() {
            let text = CallTexts.register(
                contact: "<sip:1000@\(host):5060>", expires: 60 * (index + 1), branch: "z9hG4bKr\(index)",
                callID: "reg-\(index)")
            let request = try #require(
                proxy.receive(text, on: .inside, from: ProxyHarness.address("\(host):5060")).first)
            proxy.receive(
                CallTexts.response(200, "OK", to: request, tag: "t", contact: request.header(.contact)), on: .outside)
        }
        let message = try #require(try? MessageParser.parse(datagram: wire(invite("sip:1000@203.0.113.1"))))
        let uri = try #require(URI(message.requestURI, in: message.bytes))
        let match = TrunkMatch(name: "203.0.113.10", settings: nil, domain: "203.0.113.10")
        let targets = proxy.core.destinations(of: uri, in: message, trunk: match, at: proxy.now)
        #expect(
            targets.map { String(decoding: $0.uri, as: UTF8.self) }
                == ["sip:1000@192.168.0.3:5060", "sip:1000@192.168.0.2:5060"])
    }

    @Test(arguments: [nil, 503])
    func `a dead PBX: the next one gets the call in the same transaction, as its own Request-URI`(status: Int?) throws {
        let trunk = TrunkSettings(
            name: "itsp", domain: "203.0.113.10",
            pbxs: [PBXSettings(host: "192.168.0.3"), PBXSettings(host: "192.168.0.4", port: 5070)])
        let proxy = ProxyHarness(trunks: [trunk])
        let first = try #require(proxy.receive(invite("sip:800@203.0.113.1"), on: .outside).first)
        #expect(first.requestURI == "sip:800@192.168.0.3")
        let answers =
            status.map {
                proxy.receive(
                    CallTexts.response($0, "No", to: first, tag: "p"), on: .inside, from: first.to)
            } ?? proxy.advance(.seconds(5))
        let second = try #require(answers.first { $0.method == .invite && $0.isRequest && $0.to != first.to })
        #expect(second.requestURI == "sip:800@192.168.0.4:5070" && second.header(.sallyportTrunk) == "itsp")
        let ok = CallTexts.response(
            200, "OK", to: second, tag: "q", contact: "<sip:800@192.168.0.4:5070>", body: CallTexts.sdpInside)
        let back = proxy.receive(ok, on: .inside, from: second.to).filter { $0.side == .outside }
        #expect(back.map(\.status) == [200])
        // The next call does not wait for the dead one.
        let next = proxy.receive(invite("sip:800@203.0.113.1", "2"), on: .outside).filter { $0.side == .inside }
        #expect(next.map(\.requestURI) == ["sip:800@192.168.0.4:5070"])
    }

    @Test func `a PBX of a trunk is inside wherever it is`() throws {
        let trunk = TrunkSettings(name: "itsp", domain: "203.0.113.10", pbxs: [PBXSettings(host: "10.9.9.9")])
        let proxy = ProxyHarness(trunks: [trunk])
        let far = ProxyHarness.address("10.9.9.9:5060")
        #expect(proxy.receive(invite("sip:800@203.0.113.1"), on: .outside).map(\.to) == [far])
        let text = CallTexts.register(contact: "<sip:s@10.9.9.9:5060>")
        let sent = try #require(proxy.receive(text, on: .inside, from: far).first)
        #expect(sent.uri(.contact).hasPrefix("sip:s@203.0.113.1:5060;sp=r"))
    }
}
