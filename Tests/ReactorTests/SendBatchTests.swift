import Glibc
import NetworkTypes
import Reactor
import Testing

/// Everything that waits on a socket.
private func drain(_ socket: UDPSocket) throws -> [[UInt8]] {
    let batch = PacketBatch(capacity: 64)
    var datagrams: [[UInt8]] = []
    while try batch.receive(from: socket) > 0 { datagrams += (0..<batch.count).map { Array(batch.bytes($0)) } }
    return datagrams
}

@Suite("Send batch")
struct SendBatchTests {
    @Test("datagrams leave at the end of the turn, in order", arguments: [1, 2, 16, 31], families)
    func order(_ count: Int, _ family: IPAddress.Family) throws {
        let loop = try EventLoop()
        let socket = try UDPSocket(binding: anyLoopbackPort(family))
        let peer = try UDPSocket(binding: anyLoopbackPort(family))
        let batch = SendBatch(socket: socket, loop: loop, capacity: 64)
        let timer = Timer(on: loop) {
            for number in 0..<count { #expect(batch.append([UInt8(number), 42], to: peer.localAddress)) }
            #expect(batch.sent == 0)
        }
        timer.schedule(after: .zero)
        loop.run()
        #expect(batch.sent == UInt64(count))
        #expect(try drain(peer) == (0..<count).map { [UInt8($0), 42] })
    }

    @Test("a turn may fill the queue many times over", arguments: [1, 3, 8])
    func overCapacity(_ capacity: Int) throws {
        let loop = try EventLoop()
        let socket = try UDPSocket(binding: anyLoopbackPort(.v4))
        let peer = try UDPSocket(binding: anyLoopbackPort(.v4))
        let batch = SendBatch(socket: socket, loop: loop, capacity: capacity)
        for number in 0..<50 { #expect(batch.append([UInt8(number)], to: peer.localAddress)) }
        loop.run()
        #expect(try drain(peer) == (0..<50).map { [UInt8($0)] })
        #expect(batch.dropped == 0)
    }

    @Test("a refused datagram is reported, and the others still go")
    func refusals() throws {
        let loop = try EventLoop()
        let socket = try UDPSocket(binding: anyLoopbackPort(.v4))
        let peer = try UDPSocket(binding: anyLoopbackPort(.v4))
        let batch = SendBatch(socket: socket, loop: loop)
        var refusals: [(SocketAddress, Int32)] = []
        batch.onRefusal = { refusals.append(($0, $1.code)) }
        let broadcast = try #require(SocketAddress("255.255.255.255:9"))
        let portZero = SocketAddress(peer.localAddress.ip, 0)
        batch.append([1], to: peer.localAddress)
        batch.append([2], to: broadcast)
        batch.append([3], to: peer.localAddress)
        batch.append([4], to: portZero)
        batch.append([5], to: peer.localAddress)
        #expect(!batch.append([UInt8](repeating: 0, count: 65_508), to: peer.localAddress))
        loop.run()
        #expect(try drain(peer) == [[1], [3], [5]])
        #expect(refusals.map(\.0) == [peer.localAddress, broadcast, portZero])
        #expect(refusals.first?.1 == EMSGSIZE)
        #expect(batch.sent == 3)
        #expect(batch.refused == 3)
    }

    @Test("a closed port at the other end doesn't hurt the socket", arguments: families)
    func closedPort(_ family: IPAddress.Family) throws {
        let loop = try EventLoop()
        let socket = try UDPSocket(binding: anyLoopbackPort(family))
        let peer = try UDPSocket(binding: anyLoopbackPort(family))
        let closed = try UDPSocket(binding: anyLoopbackPort(family)).localAddress
        let batch = SendBatch(socket: socket, loop: loop)
        for number in 0..<5 as Range<UInt8> {
            batch.append([number], to: closed)
            batch.append([number], to: peer.localAddress)
            loop.run()
        }
        #expect(try drain(peer) == (0..<5).map { [$0] })
        sendPlainly([9], from: peer, to: socket.localAddress)
        #expect(try drain(socket) == [[9]])
    }

    /// A datagram socket of the local kind blocks when its reader is slow, which UDP over loopback never does.
    @Test("a full socket buffer makes the queue wait, a full queue drops, and all that was queued leaves in order")
    func backpressure() throws {
        var pair: [Int32] = [-1, -1]
        let type = Int32(SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue)
        #expect(socketpair(AF_UNIX, type, 0, &pair) == 0)
        let reader = pair[1]
        defer { close(reader) }
        let loop = try EventLoop()
        let here = anyLoopbackPort(.v4)
        let socket = UDPSocket(adopting: pair[0], local: here)
        let batch = SendBatch(socket: socket, loop: loop, capacity: 32)
        var taken: [UInt32] = []
        let filler = [UInt8](repeating: 0, count: 1000)
        for number in 0 as UInt32..<2000 {
            let bytes = withUnsafeBytes(of: number) { Array($0) } + filler
            if batch.append(bytes, to: here) { taken.append(number) }
        }
        #expect(batch.dropped > 0)
        #expect(batch.dropped + UInt64(taken.count) == 2000)
        var received: [UInt32] = []
        let slow = RepeatingTimer(on: loop, every: .milliseconds(1)) {
            var bytes = [UInt8](repeating: 0, count: 2000)
            while read(reader, &bytes, bytes.count) > 0 {
                received.append(bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) })
            }
        }
        #expect(loop.run(until: { received.count == taken.count }))
        #expect(received == taken)
        #expect(batch.refused == 0)
        withExtendedLifetime(slow) {}
    }
}

@Suite("Relay sender")
struct RelaySenderTests {
    @Test("datagrams are sent from the slots they were received in", arguments: [1, 2, 16, 40], families)
    func relay(_ count: Int, _ family: IPAddress.Family) throws {
        let source = try UDPSocket(binding: anyLoopbackPort(family))
        let near = try UDPSocket(binding: anyLoopbackPort(family))
        let far = try UDPSocket(binding: anyLoopbackPort(family))
        let sink = try UDPSocket(binding: anyLoopbackPort(family))
        let batch = PacketBatch(capacity: 64, slotSize: 200)
        let sender = RelaySender(capacity: 16)
        for number in 0..<count { sendPlainly([UInt8(number), 0], from: source, to: near.localAddress) }
        #expect(try batch.receive(from: near) == count)
        for index in 0..<count {
            batch.bytes(index)[1] = 77
            sender.send(batch.bytes(index), to: sink.localAddress, from: far.descriptor)
        }
        sender.flush()
        #expect(sender.sent == UInt64(count))
        #expect(try drain(sink) == (0..<count).map { [UInt8($0), 77] })
    }

    @Test("datagrams for several sockets leave each from its own")
    func severalSockets() throws {
        let sockets = try (0..<3).map { _ in try UDPSocket(binding: anyLoopbackPort(.v4)) }
        let sink = try UDPSocket(binding: anyLoopbackPort(.v4))
        let sender = RelaySender(capacity: 8)
        var bytes: [UInt8] = [1, 2, 3]
        bytes.withUnsafeMutableBytes { bytes in
            for socket in sockets + sockets { sender.send(bytes, to: sink.localAddress, from: socket.descriptor) }
            sender.flush()
        }
        let batch = PacketBatch(capacity: 8, slotSize: 10)
        #expect(try batch.receive(from: sink) == 6)
        #expect((0..<6).map { batch.source($0) } == (sockets + sockets).map(\.localAddress))
    }

    @Test("a refused datagram is reported, and the others still go", arguments: [1, 4])
    func refusal(_ count: Int) throws {
        let socket = try UDPSocket(binding: anyLoopbackPort(.v4))
        let sink = try UDPSocket(binding: anyLoopbackPort(.v4))
        let nowhere = SocketAddress(sink.localAddress.ip, 0)
        let sender = RelaySender(capacity: 8)
        var refusals: [Int32] = []
        sender.onRefusal = { descriptor, code in
            #expect(code == EINVAL)
            refusals.append(descriptor)
        }
        var bytes: [UInt8] = [1]
        bytes.withUnsafeMutableBytes { bytes in
            for index in 0..<count {
                sender.send(bytes, to: index == 0 ? nowhere : sink.localAddress, from: socket.descriptor)
            }
            sender.flush()
        }
        #expect(refusals == [socket.descriptor])
        #expect(sender.refused == 1)
        #expect(try drain(sink).count == count - 1)
    }
}
