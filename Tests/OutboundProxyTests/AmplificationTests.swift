import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Two addresses that are forwarded to each other, twice each, through two proxies of ours (RFC 5393 §3, security 24).
@Suite struct AmplificationTests {
    /// A site: a proxy of ours, and inside a server that forks every request for it to two addresses of the other site. It
    /// knows nothing of loops and of Max-Breadth; only Max-Forwards it counts.
    private final class Site {
        let proxy: ProxyHarness
        let server: SocketAddress
        let inside: String
        let outside: String
        let other: String
        var branches = 0
        /// The requests that it has sent on, with what it got and how many answers are missing.
        var pending: [String: Fork] = [:]

        final class Fork {
            let request: Sent
            var left = 2
            init(_ request: Sent) { self.request = request }
        }

        init(_ number: Int, other: String, hides: Bool) {
            (inside, outside, self.other) = ("192.168.\(number).1", "203.0.113.\(100 + number)", other)
            server = ProxyHarness.address("192.168.\(number).2:5060")
            var trunk = TrunkSettings(name: "other", domain: other)
            trunk.hiding.isOn = hides
            let local = [inside, outside].map { ProxyHarness.address("\($0):5060") }
            proxy = ProxyHarness(pbxs: [PBXSettings(host: "192.168.\(number).2", port: 5060)], trunks: [trunk]) {
                $0.insideNetworks = [IPNetwork("192.168.\(number).0/24")].compactMap(\.self)
                $0.listeners = [
                    Listener(id: ListenerID(0), side: .inside, transport: .udp, local: local[0]),
                    Listener(id: ListenerID(1), side: .outside, transport: .udp, local: local[1]),
                ]
            }
            proxy.insidePrefixes = ["192.168.\(number)."]
            proxy.scansOutside = hides
        }

        /// The two copies of a request that came here.
        func fork(_ sent: Sent) -> [String] {
            guard let hops = sent.message?.maxForwards, hops > 0 else {
                return [CallTexts.response(483, "Hops", to: sent, tag: "s")]
            }
            let fork = Fork(sent)
            return ["x", "y"].map { user in
                branches += 1
                pending["z9hG4bKs\(branches)"] = fork
                var lines = sent.text.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
                lines[0] = "\(sent.text.prefix { $0 != " " }) sip:\(user)@\(other) SIP/2.0"
                lines = lines.map { $0.hasPrefix("Max-Forwards:") ? "Max-Forwards: \(hops - 1)" : $0 }
                lines.insert("Via: SIP/2.0/UDP \(server);branch=z9hG4bKs\(branches)", at: 1)
                return lines.joined(separator: "\n")
            }
        }

        /// What goes up when a branch has ended: the answer to the request, once all have.
        func collect(_ sent: Sent) -> [String] {
            let via = sent.values(.via).first ?? ""
            guard sent.status >= 200, let key = via.split(separator: ";").first(where: { $0.hasPrefix("branch=") }),
                let fork = pending.removeValue(forKey: String(key.dropFirst(7)))
            else { return [] }
            fork.left -= 1
            return fork.left == 0 ? [CallTexts.response(sent.status, "Failed", to: fork.request, tag: "s")] : []
        }
    }

    /// Lets everything run until nothing is under way; how many messages there were.
    private func run(_ method: String, hides: Bool, forwards: Int = 70) -> (messages: Int, statuses: Set<Int>) {
        let first = Site(0, other: "203.0.113.101", hides: hides)
        let second = Site(1, other: "203.0.113.100", hides: hides)
        let start = CallTexts.request(
            "\(method) sip:x@203.0.113.101 SIP/2.0",
            """
            Via: SIP/2.0/UDP 192.168.0.2:5060;branch=z9hG4bKstart
            From: <sip:a@a.example>;tag=a
            To: <sip:x@203.0.113.101>
            Call-ID: loop@a.example
            CSeq: 1 \(method)
            Contact: <sip:a@192.168.0.2>
            Max-Forwards: \(forwards)
            """, nil)
        var (messages, statuses) = (0, Set<Int>())
        var queue: [(site: Site, bytes: [UInt8], side: Side, source: SocketAddress)] = []
        queue.append((first, wire(start), .inside, first.server))
        var position = 0
        while position < queue.count, messages < 20_000 {
            let (site, bytes, side, source) = queue[position]
            position += 1
            messages += 1
            let listener = ListenerID(side == .inside ? 0 : 1)
            for sent in site.proxy.receive(bytes, on: side, from: Flow(listener: listener, peer: source)) {
                messages += 1
                if !sent.isRequest { statuses.insert(sent.status) }
                if sent.side == .outside {
                    let there = site === first ? second : first
                    queue.append((there, sent.bytes, .outside, sent.from))
                } else if sent.method != .ack || !sent.isRequest {
                    let texts = sent.isRequest ? site.fork(sent) : site.collect(sent)
                    queue += texts.map { (site, wire($0), .inside, site.server) }
                }
            }
        }
        return (messages, statuses)
    }

    @Test(arguments: ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "FROB"], [true, false])
    func `two addresses that point at each other make few messages, and soon 482 (security 24)`(
        method: String, hides: Bool
    ) {
        let (messages, statuses) = run(method, hides: hides)
        #expect(messages < 500, "\(messages)")
        #expect(statuses.contains(482) && !statuses.contains(483))
    }

    @Test(arguments: [0, 1, 3, 6]) func `Max-Forwards ends it, too (security 24)`(forwards: Int) {
        let (messages, statuses) = run("MESSAGE", hides: true, forwards: forwards)
        #expect(messages < 120 && statuses.contains(483), "\(messages) \(statuses)")
    }

    @Test func `what has come round and ended may come again`() throws {
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "gw", domain: "203.0.113.10")])
        let inbound = CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1")
        let there = try #require(proxy.receive(inbound, on: .outside).first { $0.isRequest })
        // The PBX sends it on to a mobile: once, and again while it is under way.
        func onward(_ number: Int) -> [Sent] {
            var lines = there.text.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
            lines[0] = "INVITE sip:mobile@203.0.113.10 SIP/2.0"
            lines.insert("Via: SIP/2.0/UDP 192.168.0.2:5060;branch=z9hG4bKf\(number)", at: 1)
            return proxy.receive(lines.joined(separator: "\n"), on: .inside)
        }
        let mobile = try #require(onward(1).first { $0.isRequest })
        #expect(onward(2).statuses == [482])
        #expect(proxy.answer(486, to: mobile).inside.statuses.contains(486))
        #expect(onward(3).first?.isRequest == true)
        #expect(proxy.core.spirals.count == 1)
        proxy.settle()
        #expect(proxy.core.spirals.isEmpty && proxy.core.transactionCount == 0)
    }
}
