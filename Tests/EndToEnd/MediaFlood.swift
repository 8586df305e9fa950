import Glibc
import NetworkTypes
import Reactor

/// Bad packets at an even pace, to one media port from several sockets: a hundred with a system call, every two
/// milliseconds, which are 50,000 a second.
final class MediaFlood {
    static let size = 100
    private static let interval = Duration.milliseconds(2)
    private static let slotSize = 256
    private let sender = RelaySender(capacity: size)
    private let slots = UnsafeMutableRawBufferPointer.allocate(byteCount: size * slotSize, alignment: 8)
    private let sources: [Int32]
    private let target: SocketAddress
    private var due = ContinuousClock.now
    private var bursts = 0

    init(from sources: [LoopbackPeer], to target: SocketAddress) {
        (self.sources, self.target) = (sources.map(\.descriptor), target)
    }

    deinit { slots.deallocate() }

    /// When the next burst is due, sends what can be made of a good packet: with a wrong tag, of another source, without
    /// a tag, and as it came. All have numbers that the receiver may still expect, but for the last.
    func burst(around good: [UInt8]) {
        let now = ContinuousClock.now
        if now < due { usleep(UInt32((due - now) / .microseconds(1))) }
        // A flood that has fallen behind doesn't catch up: that would be another pace.
        due = max(due, now) + Self.interval
        let source = sources[bursts % sources.count]
        bursts += 1
        for index in 0..<Self.size {
            let slot = UnsafeMutableRawBufferPointer(rebasing: slots[(index * Self.slotSize)...].prefix(good.count))
            slot.copyBytes(from: good)
            var length = good.count
            if index % 4 < 3 { slot[3] &+= UInt8(index) }
            switch index % 4 {
            case 0: slot[length - 1] ^= 1
            case 1: slot[11] ^= 0x55
            case 2: length -= 10
            default: break
            }
            sender.send(UnsafeMutableRawBufferPointer(rebasing: slot[..<length]), to: target, from: source)
        }
        sender.flush()
    }
}
