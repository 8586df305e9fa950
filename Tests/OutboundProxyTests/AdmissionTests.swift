import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// One admission policy for all methods, whoever invented them, and memory that no stranger can fill (security 27, 29,
/// 31).
@Suite struct AdmissionTests {
    private static let uris = [
        "sip:911@203.0.113.1", "sip:1000@203.0.113.1", "sip:203.0.113.1", "sip:1000@203.0.113.1;%", "sip:%@203.0.113.1",
        "sip:1000@192.168.0.2", "sip:192.168.0.1", "sip:x@evil.example", "sip:x@203.0.113.77", "tel:911",
        "urn:service:sos", "sip:911@evil.example", "sips:911@203.0.113.1", "sip:x@203.0.113.1;maddr=192.168.0.2",
    ]
    private static let routes = [
        "", "<sip:203.0.113.1;lr>", "<sip:192.168.0.1;lr>", "<sip:203.0.113.1;lr>, <sip:192.168.0.2;lr>",
        "<sip:203.0.113.1;lr;%>, <sip:evil.example;lr>", "<sip:203.0.113.77;lr>",
    ]

    /// Tokens of nobody: invented, cut, and a real one with one octet changed.
    private func forged(from contact: String) -> [String] {
        let parts = contact.replacing(">", with: "").split(separator: ";").map(String.init)
        guard let token = parts.first(where: { $0.contains("=") && $0.count > 20 }) else { return [] }
        var changed = Array(token)
        changed[changed.count - 3] = changed[changed.count - 3] == "A" ? "B" : "A"
        return [String(changed), String(token.dropLast(5)), token.prefix(4) + String(repeating: "A", count: 60)]
    }

    @Test(arguments: StrangerTests.methods + ["XYZZY"], [TransportProtocol.udp, .tcp])
    func `a stranger gets nothing inside and nothing out (security 27)`(method: String, transport: TransportProtocol)
        throws
    {
        let proxy = ProxyHarness { $0.listeners += ProxyHarness.streams }
        let contact = try proxy.register().request.uri(.contact)
        let tokens = forged(from: contact)
        #expect(tokens.count == 3)
        let before = proxy.core.transactionCount
        var number = 0
        for uri in Self.uris {
            for route in Self.routes {
                for toTag in ["", ";tag=x"] {
                    number += 1
                    if number % 40 == 0 { proxy.advance(.milliseconds(1100)) }
                    let token = tokens[number % tokens.count]
                    let text = CallTexts.request(
                        "\(method) \(uri.replacing("%", with: token)) SIP/2.0",
                        """
                        Via: SIP/2.0/UDP 198.51.100.66:5060;rport;branch=z9hG4bKa\(number)
                        \(route.isEmpty ? "" : "Route: " + route.replacing("%", with: token))
                        From: <sip:1000@203.0.113.10>;tag=a
                        To: <sip:911@203.0.113.1>\(toTag)
                        Call-ID: a\(number)
                        CSeq: 1 \(method)
                        Contact: <sip:a@198.51.100.66>
                        Max-Forwards: 70
                        """, method == "INVITE" ? CallTexts.sdpOutside : nil)
                    for sent in proxy.receive(text, on: .outside, from: ProxyHarness.stranger, by: transport) {
                        #expect(!sent.isRequest && sent.side == .outside && sent.to == ProxyHarness.stranger, "\(text)")
                        #expect([200, 403, 404].contains(sent.status), "\(text)")
                        #expect(sent.status != 200 || method == "OPTIONS")
                        #expect(sent.status != 404 || method == "INVITE" && toTag.isEmpty)
                        #expect(sent.status != 403 || transport == .tcp)
                    }
                }
            }
        }
        #expect(proxy.core.transactionCount <= before && proxy.core.callCount == 0 && proxy.media.open.isEmpty)
        #expect(proxy.resolving.isEmpty && proxy.opening.isEmpty)
    }

    /// Where remote phones are let in a stranger may REGISTER for their domains; it gets nothing else, even with the Path
    /// of a phone.
    @Test(arguments: StrangerTests.methods + ["XYZZY"], [TransportProtocol.udp, .tcp])
    func `with remote phones a stranger gets no further (security 27)`(
        method: String, transport: TransportProtocol
    ) throws {
        let bench = PhoneBench()
        let proxy = bench.proxy
        let registered = try bench.registered().request
        let tokens = forged(from: try proxy.register().request.uri(.contact))
        proxy.settle(for: .seconds(70))
        let before = proxy.core.transactionCount
        var number = 0
        let path = registered.header(.path)
        let uris = Self.uris + ["sip:tone@pbx.example", "sip:pbx.example", "sip:home@10.0.0.2:5070"]
        for uri in uris {
            for route in Self.routes + [path, "<sip:203.0.113.1;lr>, \(path)", "<sip:pbx.example;lr>"] {
                for toTag in ["", ";tag=x"] {
                    number += 1
                    if number % 40 == 0 { proxy.advance(.milliseconds(1100)) }
                    let token = tokens[number % tokens.count]
                    let text = CallTexts.request(
                        "\(method) \(uri.replacing("%", with: token)) SIP/2.0",
                        """
                        Via: SIP/2.0/UDP 198.51.100.66:5060;rport;branch=z9hG4bKp\(number)
                        \(route.isEmpty ? "" : "Route: " + route.replacing("%", with: token))
                        From: <sip:home@pbx.example>;tag=a
                        To: <sip:home@elsewhere.example>\(toTag)
                        Call-ID: p\(number)
                        CSeq: 1 \(method)
                        Contact: <sip:home@10.0.0.2:5070>
                        Max-Forwards: 70
                        """, method == "INVITE" ? CallTexts.sdpOutside : nil)
                    for sent in proxy.receive(text, on: .outside, from: ProxyHarness.stranger, by: transport) {
                        #expect(!sent.isRequest && sent.side == .outside && sent.to == ProxyHarness.stranger, "\(text)")
                        #expect(
                            [403, 404].contains(sent.status) || sent.status == 200 && method == "OPTIONS", "\(text)")
                        #expect(sent.status != 404 || route.isEmpty && uri.contains("@203.0.113.1"), "\(text)")
                        #expect(sent.status != 404 || method == "INVITE" && toTag.isEmpty)
                        #expect(transport == .tcp || sent.bytes.count <= wire(text).count, "\(text)")
                        #expect(sent.status != 403 || transport == .tcp)
                    }
                }
            }
        }
        #expect(proxy.core.transactionCount <= before && proxy.core.callCount == 0 && proxy.media.open.isEmpty)
        #expect(proxy.resolving.isEmpty && proxy.opening.isEmpty && proxy.core.phoneBindings.count == 1)
    }

    /// A registered phone reaches the PBX, a stranger nobody; neither a host of its own choosing.
    @Test(arguments: StrangerTests.methods + ["XYZZY"], [true, false])
    func `every method of a phone goes to the PBX or nowhere (security 27)`(method: String, isRegistered: Bool) throws {
        let bench = PhoneBench()
        if isRegistered { try bench.registered() }
        try bench.registered("desk", from: PhoneBench.desk)
        bench.proxy.settle(for: .seconds(70))
        let evil = [
            "sip:x@evil.example", "sip:x@192.168.0.77", "sip:x@203.0.113.77", "sip:desk@10.0.0.2:5070", "tel:+15551234",
        ]
        let good = ["sip:tone@pbx.example", "sip:tone@203.0.113.1", "sip:pbx.example"]
        let routes = [
            "", "<sip:203.0.113.1;lr>", "<sip:evil.example;lr>", "<sip:203.0.113.1;lr>, <sip:192.168.0.77;lr>",
        ]
        var forwarded = 0
        for uri in evil + good {
            for route in routes {
                for toTag in ["", ";tag=x"] {
                    let text = bench.request(
                        method, uri, route: route.isEmpty ? "" : "Route: \(route)", toTag: toTag,
                        body: method == "INVITE" ? CallTexts.sdpOutside : nil)
                    for sent in bench.receive(text, from: PhoneBench.home) {
                        guard sent.isRequest else {
                            #expect(sent.side == .outside && sent.to == PhoneBench.home, "\(text)")
                            continue
                        }
                        forwarded += 1
                        #expect(sent.side == .inside && sent.to == ProxyHarness.pbx, "\(text)")
                        #expect(!route.contains("evil") && !route.contains("192.168"), "\(text)")
                        #expect(good.contains(uri) || uri.hasPrefix("tel:"), "\(text)")
                        #expect(isRegistered || method == "REGISTER", "\(text)")
                    }
                    #expect(bench.proxy.resolving.isEmpty && bench.proxy.opening.isEmpty, "\(text)")
                }
            }
        }
        let isFirst = method != "ACK" && method != "CANCEL"
        #expect(isFirst && (isRegistered || method == "REGISTER") ? forwarded > 0 : forwarded == 0)
    }

    @Test func `200,000 invented sources leave nothing behind (security 29, 31)`() throws {
        let proxy = ProxyHarness { $0.strangerRate = 2 }
        try proxy.register()
        let (transactions, bindings) = (proxy.core.transactionCount, proxy.core.bindings.count)
        let methods = StrangerTests.methods + (0..<50).map { "M\($0)" }
        let texts = methods.map { method in
            wire(
                CallTexts.request(
                    "\(method) sip:1000@203.0.113.1 SIP/2.0",
                    """
                    Via: SIP/2.0/UDP 198.51.100.66:5060;rport;branch=z9hG4bK\(method)
                    From: <sip:\(method)@evil.example>;tag=a
                    To: <sip:1000@203.0.113.1>
                    Call-ID: \(method)
                    CSeq: 1 \(method)
                    Authorization: Digest username="x", nonce="y", response="z"
                    Max-Forwards: 70
                    """, nil))
        }
        var answers = 0
        for number in 0..<200_000 {
            if number % 1000 == 0 { proxy.advance(.milliseconds(20)) }
            let source = SocketAddress(IPAddress(v4: 0x1000_0000 &+ UInt32(number) &* 2_654_435), 5060)
            answers += proxy.receive(texts[number % texts.count], on: .outside, from: source).count
        }
        let core = proxy.core
        #expect(core.transactionCount <= transactions && core.callCount == 0 && core.bindings.count == bindings)
        #expect(core.callPeers.isEmpty && core.openings.isEmpty && core.bans.isEmpty && proxy.locating.isEmpty)
        #expect(core.refusals.counts.count <= 2 && proxy.events.isEmpty)
        #expect(
            core.counters.droppedUnadmitted + core.counters.droppedStray + UInt64(answers) == 200_000
                - core.counters.droppedOverBudget)
        proxy.advance(.seconds(60))
        #expect(
            proxy.receive(CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1"), on: .outside).contains { $0.isRequest })
    }

    @Test(arguments: [(0.0, 5000), (0.5, 500)])
    func `all strangers together take little time, and less when there is little`(pressure: Double, most: Int) throws {
        let proxy = ProxyHarness()
        _ = try proxy.callOut()
        proxy.core.setPressure(pressure)
        let text = wire(CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1", body: nil))
        for number in 0..<8000 {
            let source = SocketAddress(IPAddress(v4: 0x1000_0000 &+ UInt32(number) &* 2_654_435), 5060)
            proxy.receive(text, on: .outside, from: source)
        }
        #expect(proxy.core.counters.droppedOverBudget >= UInt64(8000 - most))
        // Those we know are not among them.
        let known = wire(CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1", branch: "z9hG4bKk"))
        let dropped = proxy.core.counters.droppedOverBudget
        proxy.receive(known, on: .outside)
        #expect(proxy.core.counters.droppedOverBudget == dropped)
    }

    @Test func `reasons are few, whatever is refused (security 31)`() {
        var counts = ReasonCounts()
        for number in 0..<1000 { counts.add("reason \(number)") }
        counts.add("reason 3")
        #expect(counts.counts.count == 57 && counts.counts["reason 3"] == 2 && counts.counts["other"] == 944)
        for status in 300...699 { counts.add(StatusName.text(status)) }
        #expect(counts.counts.count == 57)
        #expect(StatusName.text(486) == "486 Busy Here" && StatusName.text(499) == "4xx")
    }
}

extension ProxyHarness {
    /// Lets what is under way end, without the bindings of a longer time.
    fileprivate func settle(for duration: Duration) { advance(duration) }
}
