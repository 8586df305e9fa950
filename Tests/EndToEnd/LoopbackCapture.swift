import Foundation
import Glibc
import NetworkTypes
import Synchronization

/// What passes between two addresses of this machine, as one who sits in the middle would see it.
final class LoopbackCapture: Sendable {
    /// What one IPv4 packet carries.
    struct Packet: Sendable {
        let isUDP: Bool
        let source: IPAddress
        let payload: [UInt8]
    }

    private static let ipv4: UInt16 = 0x0800
    private let descriptor: Int32
    private let ends: [UInt32]
    private let kept = Mutex<[Packet]>([])
    private let isOver = Mutex(false)

    /// Nil where this process may not look.
    static func open() -> Int32? {
        let descriptor = socket(AF_PACKET, Int32(SOCK_DGRAM.rawValue), Int32(ipv4.bigEndian))
        return descriptor < 0 ? nil : descriptor
    }

    static var isPossible: Bool { open().map { close($0) } != nil }

    /// Begins to look.
    init?(between one: IPAddress, and other: IPAddress) {
        guard let descriptor = Self.open(), let one = one.v4, let other = other.v4 else { return nil }
        self.descriptor = descriptor
        ends = [one, other]
        var (size, wait) = (Int32(16 << 20), timeval(tv_sec: 0, tv_usec: 50_000))
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        Thread { self.run() }.start()
    }

    /// Ends the looking; what was seen.
    func finish() -> [Packet] {
        // What was sent last is on its way.
        usleep(100_000)
        isOver.withLock { $0 = true }
        return kept.withLock { $0 }
    }

    private func run() {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !isOver.withLock({ $0 }) {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0, let packet = packet(buffer[..<count]) else { continue }
            kept.withLock { $0.append(packet) }
        }
        close(descriptor)
    }

    private func packet(_ bytes: ArraySlice<UInt8>) -> Packet? {
        guard bytes.count >= 20, bytes[0] >> 4 == 4 else { return nil }
        func word(_ place: Int) -> UInt32 { bytes[place..<place + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        let header = Int(bytes[0] & 15) * 4
        guard ends.contains(word(12)), ends.contains(word(16)), word(12) != word(16) else { return nil }
        let isUDP = bytes[9] == 17
        guard isUDP || bytes[9] == 6, bytes.count >= header + (isUDP ? 8 : 20) else { return nil }
        let transport = isUDP ? 8 : Int(bytes[header + 12] >> 4) * 4
        return Packet(
            isUDP: isUDP, source: IPAddress(v4: word(12)), payload: Array(bytes.dropFirst(header + transport)))
    }
}
