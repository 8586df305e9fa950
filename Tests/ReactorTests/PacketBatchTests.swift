import Glibc
import NetworkTypes
import Reactor
import Testing

@Suite("Packet batch")
struct PacketBatchTests {
    @Test("a batch takes as many datagrams as wait, in order", arguments: [1, 2, 7, 16, 63, 64], families)
    func batches(_ count: Int, _ family: IPAddress.Family) throws {
        let socket = try UDPSocket(binding: anyLoopbackPort(family))
        let peer = try UDPSocket(binding: anyLoopbackPort(family))
        let batch = PacketBatch(capacity: 64, slotSize: 1500)
        for number in 0..<count {
            let bytes = [UInt8](repeating: UInt8(number), count: 10 + number)
            sendPlainly(bytes, from: peer, to: socket.localAddress)
        }
        #expect(try batch.receive(from: socket) == count)
        #expect(batch.count == count)
        for number in 0..<count {
            #expect(Array(batch.bytes(number)) == [UInt8](repeating: UInt8(number), count: 10 + number))
            #expect(batch.source(number) == peer.localAddress)
            #expect(!batch.isTruncated(number))
        }
        #expect(try batch.receive(from: socket) == 0)
        #expect(batch.count == 0)
    }

    @Test("what doesn't fit into one batch stays for the next")
    func limits() throws {
        let socket = try UDPSocket(binding: anyLoopbackPort(.v4))
        let batch = PacketBatch(capacity: 4, slotSize: 100)
        for number in 0..<9 { sendPlainly([UInt8(number)], from: socket, to: socket.localAddress) }
        #expect(try batch.receive(from: socket) == 4)
        #expect(try batch.receive(from: socket.descriptor, limit: 2) == 2)
        #expect(batch.bytes(1).first == 5)
        #expect(try batch.receive(from: socket.descriptor, limit: 0) == 0)
        #expect(try batch.receive(from: socket.descriptor, limit: -1) == 0)
        #expect(try batch.receive(from: socket) == 3)
    }

    @Test("one batch serves sockets of both families in turn", .enabled(if: families.count == 2))
    func mixedFamilies() throws {
        let batch = PacketBatch(capacity: 8, slotSize: 100)
        let sockets = try families.map { try UDPSocket(binding: anyLoopbackPort($0)) }
        for _ in 0..<3 {
            for socket in sockets {
                for _ in 0..<5 { sendPlainly([1], from: socket, to: socket.localAddress) }
                #expect(try batch.receive(from: socket) == 5)
                for index in 0..<5 { #expect(batch.source(index) == socket.localAddress) }
            }
        }
    }

    @Test(
        "a datagram longer than the slot is marked, one of exactly its length is not", arguments: [99, 100, 101, 5000])
    func truncation(_ length: Int) throws {
        let socket = try UDPSocket(binding: anyLoopbackPort(.v4))
        let batch = PacketBatch(capacity: 2, slotSize: 100, tailroom: 20)
        sendPlainly([UInt8](repeating: 9, count: length), from: socket, to: socket.localAddress)
        sendPlainly([1, 2, 3], from: socket, to: socket.localAddress)
        #expect(try batch.receive(from: socket) == 2)
        #expect(batch.isTruncated(0) == (length > 100))
        #expect(batch.bytes(0).count == min(length, 100))
        #expect(!batch.isTruncated(1))
        #expect(Array(batch.bytes(1)) == [1, 2, 3])
    }

    @Test("the default slot takes the longest datagram and the empty one")
    func extremes() throws {
        let socket = try UDPSocket(binding: anyLoopbackPort(.v4))
        let batch = PacketBatch()
        let longest = (0..<SendBatch.longestDatagram).map { UInt8(truncatingIfNeeded: $0) }
        sendPlainly(longest, from: socket, to: socket.localAddress)
        sendPlainly([], from: socket, to: socket.localAddress)
        #expect(try batch.receive(from: socket) == 2)
        #expect(Array(batch.bytes(0)) == longest)
        #expect(batch.bytes(1).isEmpty)
        #expect(batch.source(1) == socket.localAddress)
    }

    @Test("a datagram can grow in place by the tailroom without touching its neighbour")
    func tailroom() throws {
        let socket = try UDPSocket(binding: anyLoopbackPort(.v4))
        let batch = PacketBatch(capacity: 2, slotSize: 64, tailroom: 16)
        for value in [1, 2] as [UInt8] {
            sendPlainly([UInt8](repeating: value, count: 64), from: socket, to: socket.localAddress)
        }
        #expect(try batch.receive(from: socket) == 2)
        let slot = batch.slot(0)
        #expect(slot.count == 80)
        for index in slot.indices { slot[index] = 0xff }
        #expect(batch.bytes(1).allSatisfy { $0 == 2 })
    }

    @Test("receiving from something that is no socket is an error")
    func notASocket() throws {
        let batch = PacketBatch(capacity: 1, slotSize: 10)
        let error = #expect(throws: SystemError.self) { try batch.receive(from: -1) }
        #expect(error?.code == EBADF)
    }

    @Test("a refused datagram of a connected socket doesn't break receiving")
    func refusalIsPassedOver() throws {
        let closed = try UDPSocket(binding: anyLoopbackPort(.v4)).localAddress
        let socket = try UDPSocket(binding: anyLoopbackPort(.v4))
        let target = closed.kernelBytes
        let result = target.withUnsafeBytes { bytes in
            connect(
                socket.descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        #expect(result == 0)
        #expect(send(socket.descriptor, [1], 1, 0) == 1)
        let batch = PacketBatch(capacity: 1, slotSize: 10)
        #expect(waitReadable(socket.descriptor))
        #expect(try batch.receive(from: socket) == 0)
    }
}

@Suite("Kernel addresses")
struct KernelAddressTests {
    @Test(
        "an address survives the way to the kernel's form and back",
        arguments: [
            "0.0.0.0:0", "192.0.2.1:5060", "255.255.255.255:65535", "[::]:1", "[2001:db8::1:2]:5061", "[fe80::1]:9",
        ])
    func roundTrip(_ text: String) throws {
        let address = try #require(SocketAddress(text))
        let bytes = address.kernelBytes
        #expect(bytes.count == (address.ip.family == .v4 ? 16 : 28))
        #expect(SocketAddress(kernel: bytes, length: bytes.count) == address)
    }

    @Test("a form that is cut short, or of another family, is no address")
    func refused() throws {
        let v6 = try #require(SocketAddress("[2001:db8::1]:5060"))
        var bytes = v6.kernelBytes
        #expect(SocketAddress(kernel: bytes, length: 27) == nil)
        #expect(SocketAddress(kernel: bytes, length: 0) == nil)
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: UInt16(AF_UNIX), as: UInt16.self) }
        #expect(SocketAddress(kernel: bytes, length: 28) == nil)
    }
}
