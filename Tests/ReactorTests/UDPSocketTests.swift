import Glibc
import NetworkTypes
import Reactor
import Testing

@Suite("UDP socket")
struct UDPSocketTests {
    @Test("a bound socket knows the port the kernel chose", arguments: families)
    func bind(_ family: IPAddress.Family) throws {
        let socket = try UDPSocket(binding: anyLoopbackPort(family))
        #expect(socket.localAddress.ip == anyLoopbackPort(family).ip)
        #expect(socket.localAddress.port != 0)
        #expect(fcntl(socket.descriptor, F_GETFL) & O_NONBLOCK != 0)
        #expect(fcntl(socket.descriptor, F_GETFD) & FD_CLOEXEC != 0)
    }

    @Test("an address in use, or not ours, is an error that says so")
    func bindErrors() throws {
        let first = try UDPSocket(binding: anyLoopbackPort(.v4))
        let inUse = #expect(throws: SystemError.self) { try UDPSocket(binding: first.localAddress) }
        #expect(inUse?.code == EADDRINUSE)
        #expect(inUse?.description == "bind udp \(first.localAddress): Address already in use")
        let foreign = try #require(SocketAddress("192.0.2.1:5060"))
        let notOurs = #expect(throws: SystemError.self) { try UDPSocket(binding: foreign) }
        #expect(notOurs?.code == EADDRNOTAVAIL)
    }

    @Test("with port reuse two sockets share a port")
    func portReuse() throws {
        var options = UDPSocket.Options()
        options.reusesPort = true
        let first = try UDPSocket(binding: anyLoopbackPort(.v4), options: options)
        let second = try UDPSocket(binding: first.localAddress, options: options)
        #expect(second.localAddress == first.localAddress)
    }

    @Test("options reach the kernel", arguments: families)
    func options(_ family: IPAddress.Family) throws {
        var options = UDPSocket.Options()
        options.dscp = 46
        options.receiveBuffer = 65_536
        options.sendBuffer = 32_768
        let socket = try UDPSocket(binding: anyLoopbackPort(family), options: options)
        func read(_ level: Int32, _ name: Int32) -> Int32 {
            var value: Int32 = -1
            var size = socklen_t(4)
            #expect(getsockopt(socket.descriptor, level, name, &value, &size) == 0)
            return value
        }
        switch family {
        case .v4: #expect(read(Int32(IPPROTO_IP), IP_TOS) == 46 << 2)
        case .v6:
            #expect(read(Int32(IPPROTO_IPV6), IPV6_TCLASS) == 46 << 2)
            #expect(read(Int32(IPPROTO_IPV6), IPV6_V6ONLY) == 1)
        }
        #expect(read(SOL_SOCKET, SO_RCVBUF) == 2 * 65_536)
        #expect(read(SOL_SOCKET, SO_SNDBUF) == 2 * 32_768)
    }

    @Test("a device that doesn't exist is an error")
    func unknownDevice() {
        var options = UDPSocket.Options()
        options.device = "no-such-device"
        #expect(throws: SystemError.self) { try UDPSocket(binding: anyLoopbackPort(.v4), options: options) }
    }

    @Test("a socket closes its descriptor with itself, unless it was released")
    func closing() throws {
        var socket: UDPSocket? = try UDPSocket(binding: anyLoopbackPort(.v4))
        let address = try #require(socket?.localAddress)
        socket = nil
        let second = try UDPSocket(binding: address)
        var owner: UDPSocket? = second
        let descriptor = try #require(owner?.release())
        #expect(owner?.descriptor == -1)
        owner = nil
        #expect(fcntl(descriptor, F_GETFD) >= 0)
        let adopted = UDPSocket(adopting: descriptor, local: address)
        #expect(adopted.descriptor == descriptor)
    }

    @Test("readable sockets call their handler, until it is taken back", arguments: families)
    func readable(_ family: IPAddress.Family) throws {
        let loop = try EventLoop()
        let socket = try UDPSocket(binding: anyLoopbackPort(family))
        let peer = try UDPSocket(binding: anyLoopbackPort(family))
        let batch = PacketBatch(capacity: 4, slotSize: 2048)
        var texts: [[UInt8]] = []
        try socket.onReadable(loop) {
            guard let count = try? batch.receive(from: socket) else { return }
            for index in 0..<count {
                #expect(batch.source(index) == peer.localAddress)
                texts.append(Array(batch.bytes(index)))
            }
        }
        for number in 0..<10 { sendPlainly([UInt8(number)], from: peer, to: socket.localAddress) }
        #expect(loop.run(until: { texts.count >= 10 }))
        #expect(texts == (0..<10).map { [UInt8($0)] })
        socket.stopReading()
        sendPlainly([1], from: peer, to: socket.localAddress)
        loop.run()
        #expect(texts.count == 10)
    }

    @Test("a socket that stays readable is read in batches")
    func batchesWhenBusy() throws {
        let loop = try EventLoop()
        let socket = try UDPSocket(binding: anyLoopbackPort(.v4))
        let batch = PacketBatch(capacity: 16, slotSize: 100)
        var counts: [Int] = []
        try socket.onReadable(loop) { counts.append((try? batch.receive(from: socket)) ?? -1) }
        for _ in 0..<20 { sendPlainly([1], from: socket, to: socket.localAddress) }
        #expect(loop.run(until: { counts.reduce(0, +) == 20 }))
        #expect(counts == [1, 16, 3])
        socket.stopReading()
    }

    @Test("datagrams that find the buffer full are counted by the kernel")
    func receiveDrops() throws {
        var options = UDPSocket.Options()
        options.receiveBuffer = 4096
        let socket = try UDPSocket(binding: anyLoopbackPort(.v4), options: options)
        #expect(socket.receiveDrops == 0)
        let bytes = [UInt8](repeating: 7, count: 1000)
        for _ in 0..<50 { sendPlainly(bytes, from: socket, to: socket.localAddress) }
        #expect((socket.receiveDrops ?? 0) > 0)
    }
}
