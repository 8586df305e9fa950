import CBench
import Glibc
import NetworkTypes

/// A non-blocking IPv4 UDP socket whose datagrams carry the time at which the kernel took them in.
final class UDPSocket {
    let descriptor: Int32
    let address: SocketAddress

    /// Binds to `ip` and `port`; port 0 lets the kernel choose.
    init(ip: IPAddress, port: UInt16, receiveBuffer: Int32 = 1 << 20) throws(SystemError) {
        guard let v4 = ip.v4 else { throw SystemError(code: EAFNOSUPPORT, doing: "bind to \(ip)") }
        let result = CBench_udp_open(v4, port, receiveBuffer)
        guard result >= 0 else { throw SystemError(code: -result, doing: "bind to \(ip):\(port)") }
        descriptor = result
        address = SocketAddress(ip, UInt16(clamping: CBench_udp_port(result)))
    }

    deinit { close(descriptor) }

    /// Datagrams that the kernel dropped because this end read too slowly: not the relay's loss.
    var drops: UInt32 { CBench_udp_drops(descriptor) }

    /// Sends a datagram; what the kernel refuses counts as lost, as on a real network.
    @discardableResult
    func send(_ bytes: [UInt8], to destination: SocketAddress) -> Bool {
        guard let ip = destination.ip.v4 else { return false }
        return bytes.withUnsafeBytes {
            CBench_udp_send(descriptor, $0.baseAddress, UInt32(clamping: $0.count), ip, destination.port) == 0
        }
    }
}

/// A system call that failed, and what it was for.
struct SystemError: Error, CustomStringConvertible {
    let code: Int32
    let doing: String

    var description: String { "cannot \(doing): \(String(cString: strerror(code)))" }
}

extension SystemError {
    var isAddressInUse: Bool { code == EADDRINUSE }
}
