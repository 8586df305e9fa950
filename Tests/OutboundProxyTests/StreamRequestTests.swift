import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// What the core does otherwise for streams, and for datagrams that are no SIP.
@Suite struct StreamRequestTests {
    static let insideTCP = Listener(
        id: ListenerID(4), side: .inside, transport: .tcp, local: ProxyHarness.address("192.168.0.1:5060"))
    static let outsideTCP = Listener(
        id: ListenerID(5), side: .outside, transport: .tcp, local: ProxyHarness.address("203.0.113.1:5060"))

    private let proxy = ProxyHarness { $0.listeners += [Self.insideTCP, Self.outsideTCP] }

    private func receive(_ text: String, on listener: Listener, from peer: String, _ connection: UInt64 = 7) -> [Out] {
        let flow = Flow(listener: listener.id, peer: ProxyHarness.address(peer), connection: connection)
        proxy.core.receive(wire(text), from: flow, at: proxy.now)
        return outputs()
    }

    private struct Out {
        let text: String
        let flow: Flow
        var start: String { String(text.prefix { $0 != "\r\n" }) }
    }

    private func outputs() -> [Out] {
        proxy.core.takeOutputs().compactMap { output in
            guard case .send(let bytes, let flow) = output else { return nil }
            return Out(text: String(decoding: bytes, as: UTF8.self), flow: flow)
        }
    }

    private func request(_ method: String, _ uri: String, from host: String, via: String, extra: String = "") -> String
    {
        """
        \(method) \(uri) SIP/2.0
        Via: SIP/2.0/TCP \(via);branch=z9hG4bK\(method)\(host)
        From: <sip:a@\(host)>;tag=a
        To: <\(uri)>
        Call-ID: \(method)-\(host)
        CSeq: 1 \(method)
        Max-Forwards: 70
        \(extra)Content-Length: 0


        """
    }

    @Test(arguments: StrangerTests.methods)
    func `who is not admitted over TCP is told 403, on its connection, and an ACK nothing`(method: String) {
        let text = request(method, "sip:1@198.51.100.9", from: "198.51.100.66", via: "198.51.100.66:5060")
        let answers = receive(text, on: Self.outsideTCP, from: "198.51.100.66:40000")
        if method == "ACK" || method == "CANCEL" {
            #expect(answers.isEmpty)
        } else {
            #expect(answers.map(\.start) == ["SIP/2.0 403 Forbidden"])
            #expect(answers.first?.flow.connection == 7 && answers.first?.flow.listener == Self.outsideTCP.id)
        }
        guard method != "CANCEL" else { return }
        // Inside, a source of another network is no better.
        let spoofed = request(method, "sip:1@198.51.100.9", from: "10.9.9.9", via: "10.9.9.9:5060")
        #expect(receive(spoofed, on: Self.insideTCP, from: "10.9.9.9:1").allSatisfy { $0.start.contains("403") })
        #expect(proxy.core.transactionCount == 0)
    }

    @Test func `a response goes on the connection of its request, and to the sent-by address without it`() throws {
        let text = request("OPTIONS", "sip:203.0.113.10", from: "192.168.0.2", via: "192.168.0.2:5080;rport")
        let sent = receive(text, on: Self.insideTCP, from: "192.168.0.2:40000", 99)
        let forwarded = try #require(sent.first)
        // No transport was asked for: UDP, as an address has no better one.
        #expect(forwarded.flow.listener == ListenerID(1) && forwarded.text.contains("Via: SIP/2.0/UDP 203.0.113.1"))
        let via = try #require(forwarded.text.components("Via: ").first)
        proxy.core.receive(
            wire(
                """
                SIP/2.0 200 OK
                Via: \(via)
                Via: SIP/2.0/TCP 192.168.0.2:5080;rport=40000;received=192.168.0.2;branch=z9hG4bKOPTIONS192.168.0.2
                From: <sip:a@192.168.0.2>;tag=a
                To: <sip:203.0.113.10>;tag=b
                Call-ID: OPTIONS-192.168.0.2
                CSeq: 1 OPTIONS


                """), from: Flow(listener: ListenerID(1), peer: ProxyHarness.itsp), at: proxy.now)
        let answer = try #require(outputs().first)
        #expect(answer.start == "SIP/2.0 200 OK")
        #expect(
            answer.flow
                == Flow(
                    listener: Self.insideTCP.id, peer: ProxyHarness.address("192.168.0.2:5080"), connection: 99))
        // A datagram needs no Content-Length; a stream does.
        #expect(answer.text.components("Content-Length: ") == ["0"])
    }

    @Test(arguments: ["", "Content-Length : 0\n", "Content-Length:\n 0\n", "l:0\n", "Content-Length: 0000\n"])
    func `what leaves on a stream has a Content-Length that has one reading (security 20)`(field: String) throws {
        let text = """
            OPTIONS sip:203.0.113.10;transport=tcp SIP/2.0
            Via: SIP/2.0/UDP 192.168.0.2:5060;branch=z9hG4bKu
            From: <sip:a@192.168.0.2>;tag=a
            To: <sip:203.0.113.10>
            Call-ID: u
            CSeq: 1 OPTIONS
            \(field)Max-Forwards: 70


            """
        proxy.core.receive(
            wire(text), from: Flow(listener: ListenerID(0), peer: ProxyHarness.pbx), at: proxy.now)
        let sent = try #require(outputs().first)
        #expect(sent.flow == Flow(listener: Self.outsideTCP.id, peer: ProxyHarness.itsp))
        #expect(sent.text.contains("Via: SIP/2.0/TCP 203.0.113.1:5060"))
        var framer = StreamFramer()
        framer.append(Array(sent.text.utf8))
        #expect(try framer.next() == .message(Array(sent.text.utf8)))
    }

    @Test func `Record-Route and Contact of a stream name its transport`() throws {
        let invite = CallTexts.outboundINVITE(uri: "sip:tone@203.0.113.10;transport=tcp")
            .replacing("SIP/2.0/UDP", with: "SIP/2.0/TCP").replacing(
                "Contact: <sip:asterisk@192.168.0.2:5060>",
                with: "Contact: <sip:asterisk@192.168.0.2:5060;transport=tcp>")
        let sent = receive(invite, on: Self.insideTCP, from: "192.168.0.2:40000")
        let forwarded = try #require(sent.first { $0.start.hasPrefix("INVITE") })
        let routes = forwarded.text.components("Record-Route: ")
        #expect(routes.count == 1)
        #expect(routes.first?.hasPrefix("<sip:203.0.113.1:5060;transport=tcp;lr;sp=") == true)
        #expect(
            forwarded.text.components("Contact: ").first?.hasPrefix("<sip:asterisk@203.0.113.1:5060;transport=tcp;sp=")
                == true)
    }

    @Test func `security 20: what ends a stream is answered as far as it can be read`() {
        func refuse(_ text: String) -> [String] {
            let flow = Flow(
                listener: Self.insideTCP.id, peer: ProxyHarness.address("192.168.0.2:40000"), connection: 3)
            proxy.core.refuse(wire(text), 400, "Missing Content-Length", from: flow, at: proxy.now)
            return outputs().map(\.start)
        }
        let whole = request("OPTIONS", "sip:192.168.0.1", from: "192.168.0.2", via: "192.168.0.2:5060")
        #expect(refuse(whole) == ["SIP/2.0 400 Missing Content-Length"])
        #expect(refuse(whole.replacing("OPTIONS", with: "ACK")).isEmpty)
        #expect(refuse(whole.replacing("Via", with: "Vla")).isEmpty)
        #expect(refuse(whole.replacing("Call-ID", with: "Call-IE")).isEmpty)
        #expect(refuse("").isEmpty)
        #expect(refuse("SIP/2.0 200 OK\nVia: SIP/2.0/TCP 192.168.0.2;branch=z9hG4bKa\n\n").isEmpty)
    }

    @Test func `strangers are told from who is known, on either side`() throws {
        func isKnown(_ text: String, _ listener: Listener) -> Bool {
            proxy.core.isKnown(ProxyHarness.address(text).ip, on: listener.id, at: proxy.now)
        }
        #expect(isKnown("192.168.0.77:1", Self.insideTCP) && !isKnown("192.168.0.77:1", Self.outsideTCP))
        #expect(!isKnown("203.0.113.10:1", Self.insideTCP) && !isKnown("203.0.113.10:1", Self.outsideTCP))
        try proxy.register()
        #expect(isKnown("203.0.113.10:1", Self.outsideTCP) && !isKnown("198.51.100.66:1", Self.outsideTCP))
    }

    @Test func `a STUN request on a UDP port gets the address it came from; a stranger, once a second`() {
        let id = [UInt8](1...12)
        let stun = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42] + id
        func ask(_ bytes: [UInt8], _ listener: UInt16, _ peer: SocketAddress) -> [[UInt8]] {
            proxy.core.receive(bytes, from: Flow(listener: ListenerID(listener), peer: peer), at: proxy.now)
            return proxy.core.takeOutputs().compactMap { output in
                guard case .send(let bytes, let flow) = output else { return nil }
                #expect(flow.peer == peer)
                return bytes
            }
        }
        let expected: [UInt8] = [1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42] + id + [0, 0x20, 0, 8, 0, 1, 0x32, 0xd6]
        for _ in 0..<5 { #expect(ask(stun, 0, ProxyHarness.pbx).first?.starts(with: expected) == true) }
        var answers = 0
        for _ in 0..<30 {
            answers += ask(stun, 1, ProxyHarness.stranger).count
            proxy.now += .milliseconds(100)
        }
        #expect((3...4).contains(answers))
        // Responses, SIP over TCP, and a spoofed inside source get nothing.
        #expect(ask([1, 1] + stun.dropFirst(2), 0, ProxyHarness.pbx).isEmpty)
        #expect(ask(stun, 4, ProxyHarness.pbx).isEmpty)
        #expect(proxy.core.counters.keepAlives == UInt64(5 + answers))
    }
}

extension String {
    /// The values of the lines that start so.
    fileprivate func components(_ name: String) -> [String] {
        split(separator: "\r\n").filter { $0.hasPrefix(name) }.map { String($0.dropFirst(name.count)) }
    }
}
