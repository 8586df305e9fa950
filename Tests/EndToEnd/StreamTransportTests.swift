import Glibc
import Logging
import NetworkTypes
import OutboundProxy
import Reactor
import SIP
import Testing

@testable import sallyport

/// One shard's stream transport on loopback with impatient limits, and what it tells.
private final class Bench: TransportClient {
    let loop: EventLoop
    private(set) var transport: StreamTransport?
    let listener: Listener
    var messages: [(message: [UInt8], flow: Flow)] = []
    var refused: [StreamFramer.Failure] = []
    var failed: [Flow] = []
    var opened: [Flow] = []
    var ended: [Flow] = []
    var isStranger = false
    var isBehind = false

    init(isOpen: Bool = true, limits: (inout StreamLimits) -> Void = { _ in }) throws {
        loop = try EventLoop()
        // A port that was just free; another process could take it, which would be seen as an error here.
        let port = try TestStreamListener(at: SocketAddress(IPAddress(v4: 0x7f00_0001), 0)).address.port
        listener = Listener(
            id: ListenerID(0), side: .inside, transport: .tcp,
            local: SocketAddress(IPAddress(v4: 0x7f00_0001), port), isOpen: isOpen)
        var own = StreamLimits()
        limits(&own)
        let links = ShardLinks(
            shards: [try Mailbox()], hash: .random(), census: ConnectionCensus(ConnectionCensus.Limits()),
            tls: TLSContexts(), media: { _ in }, record: { _, _ in })
        transport = try StreamTransport(
            index: 0, loop: loop, listeners: [listener], devices: [nil], options: TCPOptions(), links: links,
            limits: own, logger: Logger(label: "streams") { _ in SwiftLogNoOpLogHandler() }, client: self)
    }

    func received(_ message: [UInt8], from flow: Flow) -> Bool {
        messages.append((message, flow))
        return !isBehind
    }

    func refused(_ failure: StreamFramer.Failure, from flow: Flow) { refused.append(failure) }
    func transportFailed(_ flow: Flow) { failed.append(flow) }
    func flowOpened(_ flow: Flow) { opened.append(flow) }
    func connectionEnded(_ flow: Flow) { ended.append(flow) }
    func isKnown(_ peer: IPAddress, on listener: ListenerID) -> Bool { !isStranger }
    func drain() {}

    var counters: ConnectionCounters { transport?.counters ?? ConnectionCounters() }
    func connect(buffers: Int32? = nil) throws -> TestStream { try TestStream(to: listener.local, buffers: buffers) }

    /// Runs the loop until a condition holds at the end of a turn.
    func run(_ limit: Duration = .seconds(5), until condition: @escaping (Bench) -> Bool) -> Bool {
        var isMet = false
        let clock = RepeatingTimer(on: loop, every: .milliseconds(5)) { [unowned self] in
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

@Suite("Stream connections")
struct StreamTransportTests {
    private static let message = Array("OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n".utf8)
    private static let response = Array("SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n".utf8)

    @Test("A connection without traffic is closed, and a keep-alive is traffic")
    func idle() throws {
        let bench = try Bench { $0.idle = .milliseconds(400) }
        let (silent, alive) = (try bench.connect(), try bench.connect())
        #expect(bench.run { $0.transport?.count == 2 })
        for _ in 0..<4 {
            alive.send([13, 10, 13, 10])
            _ = bench.run(.milliseconds(200)) { _ in false }
        }
        #expect(bench.transport?.count == 1 && bench.counters.idle == 1)
        #expect(silent.ends() && !alive.ends(within: 0))
        #expect(alive.pending == [13, 10, 13, 10, 13, 10, 13, 10])
        #expect(bench.run { $0.counters.idle == 2 })
    }

    @Test("security 17: a message that doesn't end in time closes its connection, however slowly it goes on")
    func slowMessage() throws {
        let bench = try Bench { $0.message = .milliseconds(400) }
        let stream = try bench.connect()
        stream.send(Self.message)
        #expect(bench.run { $0.messages.count == 1 })
        var isClosed = false
        for octet in Self.message.dropLast() {
            stream.send([octet])
            isClosed = bench.run(.milliseconds(40)) { $0.transport?.count == 0 }
            if isClosed { break }
        }
        #expect(isClosed && bench.counters.unfinished == 1 && bench.messages.count == 1)
    }

    @Test("A stranger that says nothing is not waited for; who is known may be silent")
    func silentStranger() throws {
        let bench = try Bench { $0.strangerMessage = .milliseconds(200) }
        let known = try bench.connect()
        #expect(bench.run { $0.transport?.count == 1 })
        bench.isStranger = true
        let stranger = try bench.connect()
        #expect(bench.run { $0.counters.unfinished == 1 })
        #expect(stranger.ends() && !known.ends(within: 100))
    }

    @Test("A peer that can't connect to us keeps its only way, for as long as it is used")
    func onlyWay() throws {
        let bench = try Bench(isOpen: false) { limits in
            limits.idle = .milliseconds(50)
            limits.keepAlive = .milliseconds(100)
            limits.lease = .milliseconds(600)
        }
        let server = try TestStreamListener(at: SocketAddress(IPAddress(v4: 0x7f00_0001), 0))
        bench.transport?.send(Self.message, on: Flow(listener: ListenerID(0), peer: server.address))
        var accepted: TestStream?
        #expect(
            bench.run { _ in
                accepted = accepted ?? server.accept(within: 0)
                return accepted != nil
            })
        let stream = try #require(accepted)
        #expect(bench.run(.milliseconds(450)) { _ in false } == false)
        #expect(bench.transport?.count == 1 && !stream.ends(within: 0))
        let octets = stream.pending
        #expect(octets.count > Self.message.count && octets.suffix(4).elementsEqual([13, 10, 13, 10]))
        #expect(bench.run { $0.counters.idle == 1 })
    }

    @Test("A peer that takes nothing is closed when it has too much waiting, or for too long")
    func overflow() throws {
        let large =
            Array("SIP/2.0 200 OK\r\nContent-Length: 50000\r\n\r\n".utf8) + [UInt8](repeating: 97, count: 50_000)
        let bench = try Bench { limits in
            limits.overflow = 2 << 20
            limits.stalled = .milliseconds(500)
        }
        let stream = try bench.connect(buffers: 4_096)
        stream.send(Self.message)
        #expect(bench.run { $0.messages.count == 1 })
        let flow = try #require(bench.messages.first?.flow)
        for _ in 0..<30 { bench.transport?.send(large, on: flow) }
        #expect(bench.run { $0.counters.overflowed == 1 })
        let second = try bench.connect(buffers: 4_096)
        second.send(Self.message)
        #expect(bench.run { $0.messages.count == 2 })
        let other = try #require(bench.messages.last?.flow)
        for _ in 0..<60 { bench.transport?.send(large, on: other) }
        #expect(bench.counters.overflowed == 2)
        // A response is nobody's to be told of.
        #expect(bench.failed.isEmpty)
        #expect(bench.run { $0.transport?.count == 0 })
    }

    @Test("What is sent to a peer opens one connection, and goes on it from then on")
    func opening() throws {
        let bench = try Bench()
        let peer = try TestStreamListener(at: SocketAddress(IPAddress(v4: 0x7f00_0001), 0))
        let flow = Flow(listener: ListenerID(0), peer: peer.address)
        bench.transport?.open(flow)
        bench.transport?.send(Self.message, on: flow)
        #expect(bench.opened.isEmpty)
        bench.transport?.send(Self.message, on: flow)
        #expect(bench.run { $0.opened == [flow] })
        let stream = try #require(peer.accept())
        #expect(stream.message() == Self.message && stream.message() == Self.message)
        #expect(stream.peer.ip == bench.listener.local.ip && stream.peer.port != bench.listener.local.port)
        bench.transport?.open(flow)
        #expect(bench.opened == [flow, flow])
        // Requests that come on it are served, and named by it.
        stream.send(Self.message)
        #expect(bench.run { $0.messages.count == 1 })
        let named = try #require(bench.messages.first?.flow)
        #expect(named.peer == peer.address && named.connection != 0)
        bench.transport?.send(Self.response, on: named)
        _ = bench.run(.milliseconds(50)) { _ in false }
        #expect(stream.message() == Self.response)
        #expect(bench.counters.opened == 1 && bench.failed.isEmpty)
    }

    @Test("A connection that can't be opened, or isn't in time, fails what was to be sent on it")
    func unreachable() throws {
        let bench = try Bench { $0.opening = .milliseconds(300) }
        let listener = try TestStreamListener(at: SocketAddress(IPAddress(v4: 0x7f00_0001), 0), backlog: 0)
        let filling = try TestStream(to: listener.address)
        let silent = Flow(listener: ListenerID(0), peer: listener.address)
        bench.transport?.send(Self.message, on: silent)
        bench.transport?.send(Self.message, on: silent)
        #expect(bench.failed.isEmpty)
        #expect(bench.run { $0.failed == [silent] })
        let gone = try TestStreamListener(at: SocketAddress(IPAddress(v4: 0x7f00_0001), 0)).address
        let refusing = Flow(listener: ListenerID(0), peer: gone)
        bench.transport?.send(Self.message, on: refusing)
        #expect(bench.run { $0.failed == [silent, refusing] })
        #expect(bench.counters.unreachable == 2 && bench.transport?.count == 0)
        withExtendedLifetime(filling) {}
    }

    @Test("A connection that breaks fails the requests that were sent on it; one that ends well does not")
    func broken() throws {
        let bench = try Bench()
        let peer = try TestStreamListener(at: SocketAddress(IPAddress(v4: 0x7f00_0001), 0))
        let flow = Flow(listener: ListenerID(0), peer: peer.address)
        for isReset in [false, true] {
            bench.transport?.send(Self.message, on: flow)
            _ = bench.run(.milliseconds(50)) { $0.transport?.count == 1 }
            do {
                let stream = try #require(peer.accept())
                _ = bench.run(.milliseconds(50)) { _ in false }
                #expect(stream.message() == Self.message)
                if isReset { stream.resetOnClose() }
            }
            #expect(bench.run { $0.transport?.count == 0 })
            #expect(bench.failed == (isReset ? [flow] : []))
        }
        #expect(bench.counters.broken == 1)
    }

    @Test("A sender whose shard is behind is held back, and loses nothing")
    func held() throws {
        let bench = try Bench()
        let stream = try bench.connect(buffers: 8_192)
        bench.isBehind = true
        var sent = 0
        let end = bench.loop.now + .milliseconds(200)
        while bench.loop.now < end {
            if stream.sendSome(Self.message) == Self.message.count { sent += 1 }
            _ = bench.run(.milliseconds(1)) { _ in false }
        }
        bench.isBehind = false
        #expect(bench.run { $0.messages.count >= sent })
        #expect(bench.messages.allSatisfy { $0.message == Self.message })
    }

    @Test("security 20: after a bad message nothing more is read, what was answered arrives, and the connection ends")
    func malformed() throws {
        let bench = try Bench()
        let stream = try bench.connect()
        stream.send(Self.message + Array("OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n".utf8) + Self.message)
        #expect(bench.run { $0.refused.count == 1 })
        #expect(bench.messages.count == 1 && bench.counters.malformed == 1)
        stream.send(Self.message)
        _ = bench.run(.milliseconds(100)) { _ in false }
        #expect(stream.ends() && bench.messages.count == 1)
        stream.shutdownSending()
        #expect(bench.run { $0.transport?.count == 0 })
    }
}
