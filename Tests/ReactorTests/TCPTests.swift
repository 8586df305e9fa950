import Glibc
import NetworkTypes
import Reactor
import Testing

/// One end of connections in a test: it notes what it is told.
private final class Recorder: TCPConnectionOwner {
    var accepted: [TCPConnection] = []
    var received: [UInt8] = []
    var events: [String] = []
    var errors: [SystemError?] = []
    var sends = 0

    func opened(_ connection: TCPConnection) { events.append("opened") }
    func peerFinished(_ connection: TCPConnection) { events.append("finished") }
    func sent(on connection: TCPConnection) { sends += 1 }

    func received(_ bytes: UnsafeRawBufferPointer, on connection: TCPConnection) { received += bytes }

    func closed(_ connection: TCPConnection, _ error: SystemError?) {
        events.append("closed")
        errors.append(error)
    }
}

/// A listener on loopback whose connections a recorder owns.
private final class Server {
    let recorder = Recorder()
    let buffer = ReceiveBuffer()
    let loop: EventLoop
    private(set) var listener: TCPListener?

    init(_ family: IPAddress.Family, on loop: EventLoop, options: TCPOptions = TCPOptions()) throws {
        self.loop = loop
        listener = try TCPListener(binding: anyLoopbackPort(family), options: options, on: loop) { [unowned self] in
            guard let connection = try? TCPConnection($0, on: loop, buffer: buffer, owner: recorder) else { return }
            recorder.accepted.append(connection)
        }
    }

    var address: SocketAddress { listener?.localAddress ?? anyLoopbackPort(.v4) }
    func stop() { listener = nil }

    func connect(_ owner: Recorder, options: TCPOptions = TCPOptions()) throws -> TCPConnection {
        try TCPConnection(
            to: address, from: anyLoopbackPort(address.ip.family).ip, options: options, on: loop, buffer: buffer,
            owner: owner)
    }
}

@Suite("TCP")
struct TCPTests {
    @Test("A connection opens, carries octets both ways, and ends in good order", arguments: families)
    func wholeLife(_ family: IPAddress.Family) throws {
        let loop = try EventLoop()
        let server = try Server(family, on: loop)
        let client = Recorder()
        let connection = try server.connect(client)
        #expect(connection.state == .opening)
        // Sent before it is open: it waits.
        connection.send(Array("one ".utf8))
        connection.send(Array("two".utf8))
        #expect(connection.unsent == 7)
        #expect(loop.run(until: { server.recorder.received.count == 7 }))
        #expect(server.recorder.received == Array("one two".utf8))
        #expect(client.events == ["opened"] && connection.unsent == 0)
        let other = try #require(server.recorder.accepted.first)
        #expect(other.peer.ip == anyLoopbackPort(family).ip)
        other.send(Array("three".utf8))
        other.finish()
        #expect(loop.run(until: { client.events.contains("finished") }))
        #expect(client.received == Array("three".utf8))
        #expect(server.recorder.events.isEmpty)
        connection.close()
        #expect(loop.run(until: { server.recorder.events == ["closed"] }))
        #expect(server.recorder.errors == [nil] && connection.state == .closed)
    }

    @Test("A refused connection is an error, at once or soon", arguments: families)
    func refused(_ family: IPAddress.Family) throws {
        let loop = try EventLoop()
        let server = try Server(family, on: loop)
        let address = server.address
        server.stop()
        let client = Recorder()
        do throws(SystemError) {
            let connection = try TCPConnection(
                to: address, from: anyLoopbackPort(family).ip, options: TCPOptions(), on: loop, buffer: ReceiveBuffer(),
                owner: client)
            #expect(loop.run(until: { !client.events.isEmpty }))
            #expect(client.events == ["closed"] && client.errors.first??.code == ECONNREFUSED)
            #expect(connection.state == .closed)
        } catch { #expect(error.code == ECONNREFUSED) }
    }

    @Test("What the peer doesn't read waits here, and goes on when it reads")
    func backPressure() throws {
        let loop = try EventLoop()
        let server = try Server(.v4, on: loop)
        let client = Recorder()
        let connection = try server.connect(client)
        #expect(loop.run(until: { !server.recorder.accepted.isEmpty && client.events == ["opened"] }))
        let other = try #require(server.recorder.accepted.first)
        other.stopReading()
        let block = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 % 251) }
        for _ in 0..<8 { connection.send(block) }
        var turns = 0
        #expect(
            loop.run(
                until: {
                    turns += 1; return turns > 3
                }, within: .seconds(1)) || connection.unsent > 0)
        #expect(connection.unsent > 1_000_000)
        #expect(server.recorder.received.isEmpty)
        try other.startReading()
        #expect(loop.run(until: { server.recorder.received.count == 8_000_000 }, within: .seconds(30)))
        #expect(server.recorder.received.prefix(1_000_000).elementsEqual(block))
        #expect(connection.unsent == 0 && client.sends > 3)
    }

    @Test("A reset is an error to its owner, and nothing more is told")
    func reset() throws {
        let loop = try EventLoop()
        let server = try Server(.v4, on: loop)
        let client = Recorder()
        let connection = try server.connect(client)
        #expect(loop.run(until: { !server.recorder.accepted.isEmpty && client.events == ["opened"] }))
        // Closing with octets unread resets the connection.
        let other = try #require(server.recorder.accepted.first)
        other.stopReading()
        connection.send([1, 2, 3])
        let clock = RepeatingTimer(on: loop, every: .milliseconds(5)) {}
        #expect(loop.run(until: { client.sends == 1 }))
        other.close()
        #expect(loop.run(until: { client.events.contains("closed") }))
        #expect(client.errors.first??.code == ECONNRESET)
        connection.send([4])
        #expect(connection.unsent == 0)
        withExtendedLifetime(clock) {}
    }

    @Test("One that floods is read once a turn")
    func turns() throws {
        let loop = try EventLoop()
        let server = try Server(.v4, on: loop)
        let client = Recorder()
        let connection = try server.connect(client)
        #expect(loop.run(until: { !server.recorder.accepted.isEmpty }))
        for _ in 0..<4 { connection.send([UInt8](repeating: 7, count: 1_000_000)) }
        var most = 0
        var before = 0
        loop.onTurnEnd { [unowned recorder = server.recorder] in
            most = max(most, recorder.received.count - before)
            before = recorder.received.count
        }
        #expect(loop.run(until: { server.recorder.received.count == 4_000_000 }, within: .seconds(30)))
        #expect(most <= 65_536)
    }

    @Test("Options reach the kernel, of listeners and connections", arguments: families)
    func options(_ family: IPAddress.Family) throws {
        let loop = try EventLoop()
        var options = TCPOptions()
        options.reusesPort = true
        options.device = "no-such-device"
        #expect(throws: SystemError.self) { try Server(family, on: loop, options: options) }
        options.device = nil
        let server = try Server(family, on: loop, options: options)
        let second = try TCPListener(binding: server.address, options: options, on: loop) { _ in }
        #expect(second.localAddress == server.address)
        options.reusesPort = false
        let taken = #expect(throws: SystemError.self) {
            try TCPListener(binding: server.address, options: options, on: loop) { _ in }
        }
        #expect(taken?.code == EADDRINUSE)
        #expect(taken?.description == "bind tcp \(server.address): Address already in use")
    }
}
