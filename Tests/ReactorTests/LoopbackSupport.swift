import Glibc
import NetworkTypes
import Reactor
import Testing

extension EventLoop {
    /// Runs the loop until `condition` holds at the end of a turn; false if it didn't within `limit`.
    func run(until condition: @escaping () -> Bool, within limit: Duration = .seconds(10)) -> Bool {
        var isExpired = false
        let guardian = Timer(on: self) { [unowned self] in
            isExpired = true
            stop()
        }
        guardian.schedule(after: limit)
        var isOver = false
        onTurnEnd { [unowned self] in if !isOver, condition() { stop() } }
        run()
        isOver = true
        return !isExpired
    }
}

/// A loopback address of a family with a port of the kernel's choice.
func anyLoopbackPort(_ family: IPAddress.Family) -> SocketAddress {
    SocketAddress(family == .v4 ? IPAddress(v4: 0x7f00_0001) : IPAddress(v6High: 0, low: 1), 0)
}

/// Families that this machine has a loopback address of.
let families: [IPAddress.Family] = IPAddress.Family.allCases.filter {
    (try? UDPSocket(binding: anyLoopbackPort($0))) != nil
}

/// Waits in the kernel until a descriptor is readable, for tests without a loop.
func waitReadable(_ descriptor: Int32, milliseconds: Int32 = 5000) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&request, 1, milliseconds) == 1
}

/// Sends one datagram, which over loopback is in its receiver's buffer when this returns.
func sendPlainly(_ bytes: [UInt8], from socket: UDPSocket, to destination: SocketAddress) {
    do throws(SystemError) {
        try socket.send(bytes, to: destination)
    } catch {
        Issue.record(error)
    }
}

extension SocketAddress {
    /// The kernel's form of the address.
    var kernelBytes: [UInt8] {
        var bytes = [UInt8](repeating: 0xff, count: Self.kernelSize)
        let length = bytes.withUnsafeMutableBytes { buffer in buffer.baseAddress.map { writeKernel(to: $0) } }
        return Array(bytes.prefix(length ?? 0))
    }
}
