import Glibc
import Logging
import NetworkTypes
import OutboundProxy
import Reactor
import SIP
import TLS
import Testing

@testable import sallyport

/// One shard's stream transport that opens connections over TLS, and a server on loopback that is driven beside it.
private final class Bench: TransportClient {
    let loop: EventLoop
    let certificates: StageCertificates
    let contexts = TLSContexts()
    let server: StreamPeer
    private(set) var transport: StreamTransport?
    private let directory: String
    var failed: [Flow] = []
    var opened: [Flow] = []
    var arrived: [[UInt8]] = []

    /// `names`: whom the server's certificate is for.
    init(names: [String], limits: StreamLimits = StreamLimits()) throws {
        var template = Array("/tmp/sallyport-bench-XXXXXX".utf8CString)
        directory = mkdtemp(&template).map { String(cString: $0) } ?? ""
        certificates = try StageCertificates(in: directory)
        try certificates.issue("server", names)
        let local = IPAddress(v4: 0x7f00_0001)
        server = try StreamPeer(at: SocketAddress(local, 0), security: certificates.security("server"))
        loop = try EventLoop()
        var made = TLSContexts.Contexts()
        made.client = try certificates.client()
        contexts.replace(by: made)
        let port = try TestStreamListener(at: SocketAddress(local, 0)).address.port
        let listener = Listener(
            id: ListenerID(0), side: .outside, transport: .tls, local: SocketAddress(local, port))
        let links = ShardLinks(
            shards: [try Mailbox()], hash: .random(), census: ConnectionCensus(ConnectionCensus.Limits()),
            tls: contexts, media: { _ in }, record: { _, _ in })
        transport = try StreamTransport(
            index: 0, loop: loop, listeners: [listener], devices: [nil], options: TCPOptions(), links: links,
            limits: limits, logger: Logger(label: "tls") { _ in SwiftLogNoOpLogHandler() }, client: self)
    }

    deinit {
        for name in ["ca.pem", "server.pem", "server.key"] { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }

    func received(_ message: [UInt8], from flow: Flow) -> Bool { true }
    func refused(_ failure: StreamFramer.Failure, from flow: Flow) {}
    func transportFailed(_ flow: Flow) { failed.append(flow) }
    func flowOpened(_ flow: Flow) { opened.append(flow) }
    func connectionEnded(_ flow: Flow) {}
    func isKnown(_ peer: IPAddress, on listener: ListenerID) -> Bool { true }
    func drain() {}

    var counters: ConnectionCounters { transport?.counters ?? ConnectionCounters() }

    func flow(_ names: [String], trunk: String = "") throws -> Flow {
        let id = try #require(contexts.names.id(of: PeerName(names, trunk: trunk)))
        return Flow(listener: ListenerID(0), peer: server.address, name: id)
    }

    func send(_ text: String, to flow: Flow) {
        transport?.send(Array("OPTIONS sip:\(text) SIP/2.0\r\nContent-Length: 0\r\n\r\n".utf8), on: flow)
    }

    /// What has reached the server, by what was asked for.
    var asked: [String] {
        arrived.map { String(decoding: $0.dropFirst(12).prefix { $0 != 0x20 }, as: UTF8.self) }
    }

    /// Runs the loop and the server until a condition holds.
    func run(_ limit: Duration = .seconds(5), until condition: @escaping (Bench) -> Bool) -> Bool {
        var isMet = false
        let clock = RepeatingTimer(on: loop, every: .milliseconds(2)) { [unowned self] in
            if let message = server.receive(within: 0) { arrived.append(message.packet) }
            if condition(self) {
                isMet = true
                loop.stop()
            }
        }
        let guardian = Timer(on: loop) { [unowned self] in loop.stop() }
        guardian.schedule(after: limit)
        loop.run()
        withExtendedLifetime((clock, guardian)) {}
        return isMet || condition(self)
    }
}

@Suite("TLS connections")
struct TLSTransportTests {
    @Test("security 35: one address, two names, one certificate: only the name that it is for gets messages")
    func twoNames() throws {
        let bench = try Bench(names: ["one.example"])
        let (one, two) = (try bench.flow(["one.example"]), try bench.flow(["two.example"]))
        bench.send("a", to: one)
        #expect(bench.run { $0.asked == ["a"] })
        // The connection for the one is there, and is not the other's.
        bench.send("b", to: two)
        #expect(bench.run { $0.failed == [two] })
        bench.send("c", to: one)
        #expect(bench.run { $0.asked == ["a", "c"] })
        #expect(bench.counters.opened == 2 && bench.counters.insecure == 1 && bench.transport?.count == 1)
        // Neither does the session of the one help the other.
        bench.server.disconnect()
        #expect(bench.run { $0.transport?.count == 0 })
        bench.send("d", to: two)
        #expect(bench.run { $0.failed == [two, two] })
        bench.send("e", to: one)
        #expect(bench.run { $0.asked == ["a", "c", "e"] })
        #expect(bench.counters.resumed == 1)
    }

    @Test("Each name has a connection of its own where a certificate is for both")
    func twoConnections() throws {
        let bench = try Bench(names: ["*.example.org"])
        let flows = [
            try bench.flow(["a.example.org"]), try bench.flow(["b.example.org"]),
            try bench.flow(["a.example.org"], trunk: "t"),
        ]
        for (number, flow) in (flows + flows).enumerated() { bench.send("\(number)", to: flow) }
        #expect(bench.run { $0.arrived.count == 6 })
        #expect(bench.counters.opened == 3 && bench.failed.isEmpty)
    }

    @Test("Without a name a server has to have its address in its certificate")
    func address() throws {
        let bench = try Bench(names: ["127.0.0.1"])
        bench.send("a", to: Flow(listener: ListenerID(0), peer: bench.server.address))
        #expect(bench.run { $0.asked == ["a"] })
        let other = try Bench(names: ["localhost"])
        let flow = Flow(listener: ListenerID(0), peer: other.server.address)
        other.send("a", to: flow)
        #expect(other.run { $0.failed == [flow] } && other.arrived.isEmpty)
    }

    @Test("Who waits for a connection is told when its handshake is over, and not before")
    func opened() throws {
        let bench = try Bench(names: ["one.example"])
        let (one, two) = (try bench.flow(["one.example"]), try bench.flow(["two.example"]))
        bench.transport?.open(one)
        bench.transport?.open(two)
        #expect(bench.run { $0.opened == [one] && $0.failed == [two] })
    }

    @Test("A server that says nothing is given up, and what was for it fails")
    func silent() throws {
        var limits = StreamLimits()
        limits.opening = .milliseconds(300)
        let bench = try Bench(names: ["one.example"], limits: limits)
        let listener = try TestStreamListener(at: SocketAddress(IPAddress(v4: 0x7f00_0001), 0))
        var flow = try bench.flow(["one.example"])
        flow.peer = listener.address
        bench.send("a", to: flow)
        #expect(bench.run { $0.failed == [flow] })
        #expect(bench.counters.insecure == 1 && bench.transport?.count == 0)
    }

    @Test("New authorities count for new connections, and for sessions that would be resumed")
    func authorities() throws {
        let bench = try Bench(names: ["one.example"])
        let flow = try bench.flow(["one.example"])
        bench.send("a", to: flow)
        #expect(bench.run { $0.asked == ["a"] })
        let stranger = try CertificateAuthority(name: "Other CA")
        try bench.certificates.write(stranger.issued.certificate, "ca.pem")
        var made = TLSContexts.Contexts()
        made.client = try bench.certificates.client()
        bench.contexts.replace(by: made)
        bench.send("b", to: flow)
        #expect(bench.run { $0.asked == ["a", "b"] })
        bench.server.disconnect()
        #expect(bench.run { $0.transport?.count == 0 })
        bench.send("c", to: flow)
        #expect(bench.run { $0.failed == [flow] } && bench.arrived.count == 2)
    }
}
